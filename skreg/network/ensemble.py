"""Ensembles of networks: what all estimators share, and those of given strengths.

An estimator states its loss, makes of its parameters an objective and the trainer for it, and keeps
the trained networks, whose predictions are averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import pairwise
from numbers import Integral, Real
from typing import Any, ClassVar
from warnings import warn

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from ..linear.base import unchanged_on_error
from ..problem.validation import check_features, check_fit_weights, refuse_masked
from .objective import ACTIVATIONS, SQUARED, Loss, Objective, hidden_units
from .training import LBFGS, Adam, Network, Rows, Scaling, Trainer, is_linear, train

# Up to here "auto" takes "lbfgs". On 7,000 to 11,000 rows (kin8nm, power, naval) it takes a quarter
# of the time of Adam on (100, 100) units, and is better on the first; on 41,000 (protein) it loses.
LBFGS_ROWS = 15_000
SIZES = {"lbfgs": (50,), "adam": (100, 100)}
STRENGTH = [Interval(Real, 0, None, closed="left")]
RATE = Interval(Real, 0, 1, closed="left")
COUNT = Interval(Integral, 1, None, closed="left")

Plan = tuple[Objective, Trainer]


@dataclass(repr=False, eq=False)
class BaseNetwork(BaseEstimator):
    """Networks `coefs_` and `intercepts_`, whose predictions are averaged.

    The fields are the parameters; `dataclass` writes `__init__`, which sets them and nothing else.
    """

    hidden_layer_sizes: int | Sequence[int] | str = "auto"
    _: KW_ONLY
    input_dropout_rate: float = 0.0
    l1_lambda: float = 0.0
    activation: str = "isru"
    solver: str = "auto"
    max_iter: int | str = "auto"
    tol: float = 1e-7
    batch_size: int | str = "auto"
    learning_rate_init: float = 1e-2
    standardize: bool = True
    n_jobs: int | None = None
    random_state: int | np.random.RandomState | None = None
    verbose: int = 0

    _loss: ClassVar[Loss]
    _targets: ClassVar[Callable[..., tuple[NDArray, NDArray]]]  # of the loss, and the weights (n,)
    _parameter_constraints: ClassVar[dict] = {
        "hidden_layer_sizes": [StrOptions({"auto"}), COUNT, "array-like"],
        "input_dropout_rate": [RATE],
        "l1_lambda": STRENGTH,
        "activation": [StrOptions(set(ACTIVATIONS))],
        "solver": [StrOptions({"auto", "lbfgs", "adam"})],
        "max_iter": [StrOptions({"auto"}), COUNT],
        "tol": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), COUNT],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "standardize": ["boolean"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _rows(self, X: Any, y: Any, weights: Any, is_new: bool = True, classes: Any = None) -> Rows:
        """Return the validated rows; if the model `is_new`, keep their features and targets."""
        refuse_masked(X=X, y=y)
        numbers = {"dtype": np.float64, "y_numeric": self._loss is SQUARED}
        X, y = validate_data(
            self, X, y, reset=is_new, accept_sparse="csr", multi_output=True, **numbers
        )
        weights = check_fit_weights(weights, X)
        weights = np.ones(X.shape[0]) if weights is None else weights
        X = sparse.csr_array(X) if sparse.issparse(X) else X
        return Rows(X, *self._targets(y, weights, is_new, classes))

    def _layer_sizes_and_rates(self, dropout_rate: Any) -> tuple[tuple[int, ...], tuple]:
        """Return the sizes of the hidden layers, one if that is "auto", and all dropout rates."""
        given = self.hidden_layer_sizes
        sizes = np.atleast_1d(np.asarray(1 if isinstance(given, str) else given, dtype=object))
        if not all(isinstance(size, Integral) and int(size) > 0 for size in sizes):
            raise ValueError(f"hidden_layer_sizes must be > 0 and whole numbers, got {given}.")
        rates = np.asarray(dropout_rate, dtype=np.float64)
        if rates.shape not in ((), sizes.shape) or not np.all((rates >= 0) & (rates < 1)):
            raise ValueError(
                f"dropout_rate must be in [0, 1), one or one per hidden layer; got {dropout_rate}."
            )
        of_layers = np.broadcast_to(rates, sizes.shape).tolist()
        return tuple(int(size) for size in sizes), (self.input_dropout_rate, *of_layers)

    def _plan(
        self, rows: Rows, dropout_rate: Any, l2_lambda: Any, is_one_pass: bool = False
    ) -> Plan:
        """Return the objective and its trainer, for networks of so many rows."""
        n, is_sparse = len(rows.s), sparse.issparse(rows.X)
        hidden, rates = self._layer_sizes_and_rates(dropout_rate)
        is_sampled, solver = any(rates[:-1]), self.solver
        if solver == "auto":
            is_large = is_sparse or n > LBFGS_ROWS
            solver = "adam" if is_large or is_sampled or is_one_pass else "lbfgs"
        if solver == "lbfgs" and is_sampled:
            raise ValueError(
                "solver='lbfgs' averages over the masks of the last hidden layer only; dropout of "
                "inputs or of lower layers needs solver='adam'."
            )
        if solver == "lbfgs" and is_sparse and (hidden or self._loss is not SQUARED):
            raise TypeError("Sparse X needs solver='adam'; use X.toarray() with solver='lbfgs'.")
        if isinstance(self.hidden_layer_sizes, str):
            goes_on = is_one_pass and hasattr(self, "_networks")
            before = self._networks[0].layers if goes_on else []
            hidden = tuple(len(b) for _, b in before[:-1]) or SIZES[solver]
            rates = rates[:1] + rates[1:] * len(hidden)
        l1, l2 = float(self.l1_lambda), float(l2_lambda)
        objective = Objective(self._loss, self.activation, hidden, rates, l1, l2)
        most = self._loss.max_iter if solver == "lbfgs" else np.clip(800_000 // n, 15, 150)
        max_iter = int(min(most, 20 + n // 3) if isinstance(self.max_iter, str) else self.max_iter)
        if solver == "lbfgs":
            return objective, LBFGS(max_iter, self.tol, int(self.verbose))
        rows_per_step = max(200, n // 200) if isinstance(self.batch_size, str) else self.batch_size
        max_iter = 1 if is_one_pass else max_iter
        options = min(n, rows_per_step), self.learning_rate_init, is_one_pass, int(self.verbose)
        return objective, Adam(max_iter, *options)

    def _train(
        self, parts: Sequence[Rows], plan: Plan, seeds: NDArray, before: Sequence[Network | None]
    ) -> list[Network]:
        """Return networks trained on a weighted set each, from where those before ended.

        They are trained in threads, each with a BLAS of one thread. The products of a network are
        small: shared by two threads of BLAS, on a busy machine, they took 20 times as long.
        """

        def train_one(rows: Rows, seed: int, start: Network | None) -> Network:
            if start and plan[1].is_one_pass:
                return train(rows, *plan, start.scaling, seed, start)
            scales_y = self.standardize and self._loss is SQUARED
            return train(rows, *plan, Scaling.of(rows, self.standardize, scales_y), seed, start)

        tasks = (delayed(train_one)(*task) for task in zip(parts, seeds, before, strict=True))
        with threadpool_limits(1, user_api="blas"):
            return Parallel(n_jobs=self.n_jobs, prefer="threads")(tasks)

    def _keep(self, networks: list[Network], solver: str) -> None:
        """Keep the networks, and set the attributes that describe them."""
        self._networks = networks
        layers = list(zip(*(net.data_layers for net in networks), strict=True))
        self.coefs_ = [np.stack([W for W, _ in layer]) for layer in layers]
        self.intercepts_ = [np.stack([b for _, b in layer]) for layer in layers]
        self.n_active_features_ = int(np.count_nonzero(np.any(self.coefs_[0] != 0, axis=(0, 2))))
        best = min(networks, key=lambda net: net.loss)
        self.best_loss_, self.loss_curve_ = best.loss, best.loss_curve
        self.n_iter_ = max(len(net.loss_curve) for net in networks)
        self.solver_ = solver if self.n_iter_ else "exact"
        gaps = [net.dual_gap for net in networks if net.dual_gap is not None]
        self.dual_gap_ = np.max(gaps, axis=0) if gaps else None
        if any(net.has_failed for net in networks):
            warn(
                f"solver={solver!r} failed: within {self.n_iter_} iterations the objective went "
                "out of bounds, or stayed above that of a constant model. Use standardize=True, "
                "lower learning_rate_init, or raise max_iter.",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _member_predictions(self, X: Any) -> NDArray:
        """Return what each member predicts (members, n, k) for X (n, p) as the user gives it."""
        check_is_fitted(self)
        X = check_features(self, X)
        return np.stack([self._outputs(X, network) for network in self._networks])

    def _outputs(self, X: NDArray, network: Network) -> NDArray:
        """Return what one network predicts (n, k)."""
        layers = network.data_layers
        W, b = layers[-1]
        return self._loss.predict(hidden_units(X, layers, self.activation) @ W + b)

    def _shaped(self, values: NDArray) -> NDArray:
        """Return values (..., k) as predictions have them."""
        return values


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
        "dropout_rate": [RATE, "array-like"],
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
            rows = self._rows(X, y, sample_weight).as_weighted_set()
            plan = self._plan(rows, self.dropout_rate, self.l2_lambda)
            return self._fit(rows, plan, self.warm_start)

    def _learn_batch(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Any:
        """Train the members by one pass over a batch; return self."""
        with unchanged_on_error(self):
            is_new = not hasattr(self, "_networks")
            rows = self._rows(X, y, sample_weight, is_new, classes).as_weighted_set()
            plan = self._plan(rows, self.dropout_rate, self.l2_lambda, is_one_pass=True)
            if not is_new and not self._goes_on(rows, plan):
                raise ValueError(
                    "n_members and hidden_layer_sizes must be those of the batches before; call "
                    "fit to begin anew."
                )
            return self._fit(rows, plan, not is_new)

    def _goes_on(self, rows: Rows, plan: Plan) -> bool:
        """Return whether there are networks of the number and sizes that are asked for."""
        before: list[Network] = getattr(self, "_networks", [])
        members = 1 if is_linear(*plan) else self.n_members
        shapes = list(pairwise((rows.X.shape[1], *plan[0].hidden, rows.Y.shape[1])))
        return len(before) == members and [W.shape for W, _ in before[0].layers] == shapes

    def _fit(self, rows: Rows, plan: Plan, is_warm: bool) -> Any:
        """Train the members, if `is_warm` from where they are; return self."""
        members = 1 if is_linear(*plan) else self.n_members
        goes_on = is_warm and self._goes_on(rows, plan)
        before = self._networks if goes_on else [None] * members
        seeds = check_random_state(self.random_state).randint(2**31 - 1, size=members)
        self._keep(self._train([rows] * members, plan, seeds, before), plan[1].name)
        return self


def learns_from_batches(estimator: Ensemble) -> bool:
    """Return whether there is `partial_fit`."""
    return estimator.solver != "lbfgs"
