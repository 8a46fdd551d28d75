"""Silence for scikit-learn's descent, which warns whenever it stops after a number of epochs.

`warnings.catch_warnings` puts back the filters it found. Threads that leave it in another order
than they entered it leave the wrong ones behind. Here one filter, for that one module, is added by
the first thread that enters and taken out by the last that leaves; all other filters stay as they
are, whoever changes them meanwhile.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from sklearn.exceptions import ConvergenceWarning

MODULE = re.escape("sklearn.linear_model._coordinate_descent")

_lock = Lock()
_inside = 0  # threads
_added: list[tuple[list, tuple]] = []  # filters that got an entry, and the entry


@contextmanager
def quiet() -> Iterator[None]:
    """Ignore the ConvergenceWarning of scikit-learn's descent."""
    global _inside
    entered = False
    try:
        with _lock:
            if not any(filters is warnings.filters for filters, _ in _added):
                warnings.filterwarnings("ignore", category=ConvergenceWarning, module=MODULE)
                _added.append((warnings.filters, warnings.filters[0]))
            _inside += 1
            entered = True
        yield
    finally:
        with _lock:
            _inside -= entered
            if not _inside:
                _remove()


def _remove() -> None:
    """Take the entries out, of copies too that `catch_warnings` made of the filters meanwhile."""
    for filters, entry in _added:
        for place in (filters, warnings.filters):
            if entry in place:
                place.remove(entry)
    _added.clear()
