"""Networks of given strengths: `fit`, warm starts and `partial_fit`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from numpy.typing import NDArray
from numbers import Real
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval
from sklearn.utils.metaestimators import available_if

from .base import COUNT, STRENGTH, BaseNetwork, in_parallel, unchanged_on_error
from .scaling import Rows, Scaling
from .training import Settings, train


def _learns_from_batches(estimator: Ensemble) -> bool:
    """Whether there is `partial_fit`."""
    return estimator.solver != "lbfgs"


class Ensemble(BaseNetwork):
    """`n_members` networks, each from a random start of its own."""

    _parameter_constraints: ClassVar[dict] = {
        **BaseNetwork._parameter_constraints,
        "dropout_rate": [Interval(Real, 0, 1, closed="left"), "array-like"],
        "l2_lambda": STRENGTH,
        "n_members": [COUNT],
        "warm_start": ["boolean"],
    }

    def __init__(
        self,
        hidden_layer_sizes=(50,),
        *,
        dropout_rate=0.005,
        input_dropout_rate=0.0,
        l1_lambda=0.0,
        l2_lambda=1e-6,
        activation="isru",
        solver="auto",
        max_iter="auto",
        tol=1e-7,
        batch_size="auto",
        learning_rate_init=1e-3,
        n_members=4,
        standardize=True,
        warm_start=False,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.dropout_rate = dropout_rate
        self.input_dropout_rate = input_dropout_rate
        self.l1_lambda = l1_lambda
        self.l2_lambda = l2_lambda
        self.activation = activation
        self.solver = solver
        self.max_iter = max_iter
        self.tol = tol
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.n_members = n_members
        self.standardize = standardize
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

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
            If a training diverged.
        """
        with unchanged_on_error(self):
            settings = self._settings(self.dropout_rate, self.l2_lambda)
            rows = self._rows(X, y, sample_weight).as_weighted_set()
            return self._train(rows, settings, settings.scaling(rows), self.warm_start)

    @available_if(_learns_from_batches)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Go on training, with one pass of Adam over a batch of rows.

        The step is constant, and the last layer is not solved exactly, which would take all rows.
        The first batch sets the scale of inputs and targets: it should be typical.

        Parameters
        ----------
        X : {array-like, sparse matrix or array} of shape (n_samples, n_features)
            The inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative row weights, relative to each other in this batch.

        Returns
        -------
        self : object
            The estimator.
        """
        with unchanged_on_error(self):
            is_first = not hasattr(self, "coefs_")
            settings = self._settings(self.dropout_rate, self.l2_lambda)
            settings = replace(settings, is_one_pass=True)
            rows = self._rows(X, y, sample_weight, is_first).as_weighted_set()
            scaling = settings.scaling(rows) if is_first else self._scaling
            return self._train(rows, settings, scaling, True)

    def _train(self, rows: Rows, settings: Settings, scaling: Scaling, warm: bool) -> Any:
        """Train the members, if `warm` from where they are; return self."""
        members = 1 if settings.is_linear else self.n_members
        sizes = [rows.X.shape[1], *settings.hidden, rows.Y.shape[1]]
        starts: list = [None] * members
        states: list = [None] * members
        if warm and hasattr(self, "coefs_"):
            before = [W.shape[1] for W in self.coefs_] + [self.coefs_[-1].shape[2]]
            if before == sizes and len(self.coefs_[0]) == members:
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
        self._scaling, self._states = scaling, [net.state for net in networks]
        self._keep(networks)
        return self
