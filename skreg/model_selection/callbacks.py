"""Progress of a cross-validation: scikit-learn's callbacks, and a printed line per fold.

`sklearn.callback` came with scikit-learn 1.9. Before it there are no callbacks to tell, and what is
here in its place does nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class NoContext:
    """The context of a fit that has no callbacks."""

    def subcontext(self, **_: Any) -> NoContext:
        """Return the context of a part of the fit."""
        return self

    def call_on_fit_task_begin(self, **_: Any) -> NoContext:
        """Do nothing at the beginning."""
        return self

    def call_on_fit_task_end(self, **_: Any) -> bool:
        """Do nothing at the end; return whether to stop."""
        return False


__all__ = ["CallbackSupportMixin", "FoldProgress", "NoContext"]

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """What estimators inherit where scikit-learn has no callbacks."""

        def _init_callback_context(self, **_: Any) -> NoContext:
            return NoContext()


class FoldProgress:
    """Reports the folds of a fit: to its callbacks and, by a printed line each, to the user."""

    def __init__(self, estimator: Any, context: Any, n_folds: int, verbose: int) -> None:
        self.estimator, self.n_folds, self.verbose = estimator, n_folds, verbose
        self.start = 0.0  # of the folds, which a table takes all at once
        self.context = context.subcontext(
            task_name="cross-validation", max_subtasks=n_folds, sequential_subtasks=False
        )

    @contextmanager
    def folds(self) -> Iterator[None]:
        """Enclose all of the folds."""
        self.start = time.perf_counter()
        self.context.call_on_fit_task_begin(estimator=self.estimator)
        yield
        self.context.call_on_fit_task_end(estimator=self.estimator)

    @contextmanager
    def fold(self, k: int) -> Iterator[None]:
        """Enclose fold k, in whichever thread."""
        context = self.context.subcontext(task_name="fold", task_id=k)
        context.call_on_fit_task_begin(estimator=self.estimator)
        yield
        context.call_on_fit_task_end(estimator=self.estimator)
        if self.verbose:
            print(f"fold {k + 1} of {self.n_folds}: after {time.perf_counter() - self.start:.2g} s")
