"""One thread for SciPy's BLAS, where more would cost time.

NumPy and SciPy bring a BLAS each, with threads of its own that go on waiting for work after each
call, for some hundredths of a second, on the cores that the other's threads would need. Where
products in NumPy and factorisations in SciPy take turns, a product of half a millisecond so takes
ten times as long; scikit-learn's coordinate descent is SciPy's too. Sides of less than `FROM` do
not start threads, and those of `TO` and more take so long that threads pay all the same.

The number of threads belongs to the process. Of several fits at once, in threads, the first to
limit it sets it and the last to leave gives it back: one after another, as each found it, they
would leave the limit behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController

FROM, TO = 120, 2500  # of the side of a matrix

_lock = Lock()
_inside = 0  # threads
_limit: Any = None


def factoring(side: int) -> Any:
    """Return a context in which a matrix of that side is best factored."""
    return one_thread() if FROM <= side < TO else nullcontext()


@cache
def _controller() -> ThreadpoolController:
    """Return the control of what is loaded; to look for it takes milliseconds."""
    return ThreadpoolController()


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit every BLAS to one thread."""
    global _inside, _limit
    entered = False
    try:
        with _lock:
            if not _inside:
                _limit = _controller().limit(limits=1, user_api="blas")
            _inside += 1
            entered = True
        yield
    finally:
        with _lock:
            _inside -= entered
            if entered and not _inside:
                _limit.restore_original_limits()
