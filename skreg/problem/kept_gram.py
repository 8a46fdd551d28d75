"""The Gram matrix of the columns that were ever in play: it grows, and is never computed twice.

Each view of the data keeps one. A working set grows in it, along a path from penalty to penalty, so
that with many more features than rows no p x p matrix is ever formed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


class KeptGram:
    """The `features` (k,) in play, in the order they came, and their Gram matrix `gram` (k, k).

    `gram` may cover fewer than all, the first ones. `block` gives the products of some columns.
    """

    def __init__(self, block: Callable[..., NDArray]) -> None:
        self.block = block
        self.features = np.zeros(0, dtype=np.intp)
        self.gram: NDArray = np.zeros((0, 0))

    def add(self, new: NDArray, multiplied: bool) -> None:
        """Let the features `new` (m,) join, and if asked for have all columns `multiplied`."""
        self.features = np.concatenate([self.features, new])
        k = len(self.gram)
        if not multiplied or k == len(self.features):
            return
        known, new = np.split(self.features, [k])
        gram = np.empty((len(self.features),) * 2)
        gram[:k, :k], gram[k:, k:] = self.gram, self.block(new)
        if k:
            gram[:k, k:] = self.block(known, new)
            gram[k:, :k] = gram[:k, k:].T
        self.gram = gram

    def take_whole(self, features: NDArray) -> None:
        """Let `features` (k,) be all that are ever in play, multiplied in one product."""
        if len(self.gram) < len(features):
            self.features, self.gram = features, self.block(features)
