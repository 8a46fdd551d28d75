"""Networks of given strengths: `fit`, warm starts and `partial_fit`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from numbers import Real
from typing import Any, ClassVar

from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval

from .base import COUNT, STRENGTH, BaseNetwork, in_parallel, unchanged_on_error
from .scaling import Rows, Scaling
from .settings import Settings
from .training import train


def learns_from_batches(estimator: Ensemble) -> bool:
    """Return whether there is `partial_fit`."""
    return estimator.solver != "lbfgs"


@dataclass(repr=False, eq=False)
class Ensemble(BaseNetwork):
    """`n_members` networks, each from a random start of its own."""

    _: KW_ONLY
    dropout_rate: float | Sequence[float] = 0.005
    l2_lambda: float = 1e-6
    n_members: int = 4
    warm_start: bool = False

    _parameter_constraints: ClassVar[dict] = {
        **BaseNetwork._parameter_constraints,
        "dropout_rate": [Interval(Real, 0, 1, closed="left"), "array-like"],
        "l2_lambda": STRENGTH,
        "n_members": [COUNT],
        "warm_start": ["boolean"],
    }

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Train the networks.

        Parameters
        ----------
        X : {array-like, sparse matrix or array} of shape (n_samples, n_features)
            The inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The targets; classes in one column.
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative row weights; a row of weight 2 counts as two rows. None weighs all alike.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            For NaN or infinite values, shapes that do not agree, weights that are negative or all
            zero, and `solver="lbfgs"` with dropout below the last hidden layer.

        Warns
        -----
        ConvergenceWarning
            If a training failed: it diverged, or ended above the objective of a constant model.
        """
        with unchanged_on_error(self):
            settings = self._settings(self.dropout_rate, self.l2_lambda)
            rows = self._rows(X, y, sample_weight).as_weighted_set()
            return self._train(rows, settings, settings.scaling(rows), self.warm_start)

    def _learn_batch(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Any:
        """Train the members by one pass over a batch; return self."""
        with unchanged_on_error(self):
            is_first = not hasattr(self, "coefs_")
            settings = self._settings(self.dropout_rate, self.l2_lambda)
            settings = replace(settings, is_one_pass=True)
            if settings.hidden is None and not is_first:
                settings = settings.with_sizes(tuple(W.shape[2] for W in self.coefs_[:-1]))
            rows = self._rows(X, y, sample_weight, is_first, classes).as_weighted_set()
            scaling = settings.scaling(rows) if is_first else self._scaling
            return self._train(rows, settings, scaling, True)

    def _train(self, rows: Rows, settings: Settings, scaling: Scaling, warm: bool) -> Any:
        """Train the members, if `warm` from where they are; return self."""
        settings = settings.completed(rows)
        members = 1 if settings.is_linear else self.n_members
        sizes = settings.sizes(rows)
        starts: list = [None] * members
        states: list = [None] * members
        before = [len(W[0]) for W in getattr(self, "coefs_", [])]
        if (
            warm
            and before == list(sizes[:-1])
            and self.coefs_[-1].shape[::2] == (members, sizes[-1])
        ):
            starts, states = self._layers(), self._states
        seeds = [
            (seed, state.n_steps if state else 0)
            for seed, state in zip(self._seeds(members), states, strict=True)
        ]
        tasks = zip(seeds, starts, states, strict=True)
        networks = in_parallel(
            self.n_jobs,
            train,
            ((rows, settings, seed, scaling, start, state) for seed, start, state in tasks),
        )
        self._scaling = scaling
        self._states: list = [net.state for net in networks]
        self._keep(networks)
        return self
