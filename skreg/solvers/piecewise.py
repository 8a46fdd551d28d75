"""A piecewise linear path of coefficients: what it is at its knots says what it is between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._objective import TINY


@dataclass(frozen=True)
class Path:
    """A piecewise linear path: `knots` (m,), descending, and the `coefs` (m, k) there.

    `features` (m,) says which feature j enters at each knot, ~j if it leaves, and p if none does.
    `columns` (k,) are the features that `coefs` are of; those of all others are 0.
    """

    knots: NDArray
    coefs: NDArray
    features: NDArray
    columns: NDArray

    def at(self, strengths: NDArray) -> NDArray:
        """Return the coefficients (l, k) at strengths (l,), by interpolation."""
        if len(self.knots) == 1:
            return np.repeat(self.coefs, len(strengths), axis=0)
        after = np.searchsorted(-self.knots[1:-1], -strengths) + 1
        start, end = self.knots[after - 1], self.knots[after]
        length = start - end
        along = np.minimum(np.maximum(start - strengths, 0.0), length)
        share = (along / np.maximum(length, TINY))[:, None]
        return self.coefs[after - 1] + share * (self.coefs[after] - self.coefs[after - 1])

    def among(self, features: NDArray, p: int) -> Path:
        """Return the path among p features, of which it has been that of the `features` (l,)."""
        names = np.append(features, p)
        events = self.features
        events = np.where(events < 0, ~names[~events], names[events])
        return Path(self.knots, self.coefs, events, features[self.columns])
