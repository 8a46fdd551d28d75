"""One thread for SciPy's BLAS, where more would cost time.

NumPy and SciPy bring a BLAS each, with threads of its own that go on waiting for work after each
call, for some hundredths of a second, on the cores that the other's threads would need. Where
products in NumPy and factorisations in SciPy take turns, a product of half a millisecond so takes
ten times as long; scikit-learn's coordinate descent is SciPy's too. Sides of less than `FROM` do
not start threads, and those of `TO` and more take so long that threads pay all the same. Where both
share one BLAS there is nothing to limit.

The number of threads belongs to the process, and whoever sets it gives it back. Of several fits at
once, in threads, one does; the others go on with what they find, which costs time at most.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController

FROM, TO = 120, 2500  # of the side of a matrix

_limiting = Lock()


def factoring(side: int) -> Any:
    """Return a context in which a matrix of that side is best factored."""
    return one_thread() if FROM <= side < TO else nullcontext()


@cache
def _blas() -> ThreadpoolController:
    """Return the control of every BLAS that is loaded; to look for them takes milliseconds."""
    return ThreadpoolController().select(user_api="blas")


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit every BLAS to one thread, unless another thread does so already."""
    if len(_blas().lib_controllers) < 2 or not _limiting.acquire(blocking=False):
        yield
        return
    try:
        with _blas().limit(limits=1):
            yield
    finally:
        _limiting.release()
