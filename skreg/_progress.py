"""Progress of a cross-validation: a printed line per fold."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager


def progress(n_folds: int, verbose: int) -> Callable[[int], AbstractContextManager]:
    """Return what is entered with the number of each fold, and left when the fold is done."""

    @contextmanager
    def watch(k: int) -> Iterator[None]:
        start = time.perf_counter()
        yield
        if verbose:
            print(f"fold {k + 1} of {n_folds}: {time.perf_counter() - start:.2g} s")

    return watch
