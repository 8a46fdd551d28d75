"""What networks share: validation, the members of an ensemble, and their outputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import Any, ClassVar
from warnings import warn

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from .activations import ACTIVATIONS
from .losses import Layer
from .objective import hidden_units
from .scaling import Rows
from .settings import Settings
from .training import Network

PREDICTED = 8192  # rows whose hidden units are in memory at once
INPUTS: dict[str, Any] = {"accept_sparse": "csr", "dtype": np.float64}
STRENGTH = [Interval(Real, 0, None, closed="left")]
COUNT = Interval(Integral, 1, None, closed="left")


@dataclass(repr=False, eq=False)
class BaseNetwork(BaseEstimator):
    """An ensemble of networks, `coefs_` and `intercepts_`, whose predictions are averaged.

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

    _loss: ClassVar[str]
    _parameter_constraints: ClassVar[dict] = {
        "hidden_layer_sizes": [StrOptions({"auto"}), COUNT, "array-like"],
        "input_dropout_rate": [Interval(Real, 0, 1, closed="left")],
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

    def _targets(
        self, y: NDArray, weights: NDArray, reset: bool, classes: Any
    ) -> tuple[NDArray, NDArray]:
        """Return the targets (n, k) of the loss, and the weights (n,), of validated y."""
        raise NotImplementedError

    def _rows(
        self, X: Any, y: Any, sample_weight: Any, reset: bool = True, classes: Any = None
    ) -> Rows:
        """Return the validated rows."""
        is_numeric = self._loss == "squared"
        X, y = validate_data(
            self, X, y, reset=reset, multi_output=True, y_numeric=is_numeric, **INPUTS
        )
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if not np.any(weights > 0):
            raise ValueError("Sample weights must contain at least one non-zero number.")
        X = sparse.csr_array(X) if sparse.issparse(X) else X
        return Rows(X, *self._targets(y, weights, reset, classes))

    def _settings(self, dropout_rate: Any, l2_lambda: Any) -> Settings:
        """Return what to train."""
        is_auto = isinstance(self.hidden_layer_sizes, str)
        hidden = np.atleast_1d(np.asarray(1 if is_auto else self.hidden_layer_sizes, dtype=object))
        if not all(isinstance(size, Integral) and int(size) > 0 for size in hidden):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {self.hidden_layer_sizes}.")
        rates = np.asarray(dropout_rate, dtype=np.float64)
        if rates.shape not in ((), hidden.shape) or not np.all((rates >= 0) & (rates < 1)):
            raise ValueError(
                f"dropout_rate must be in [0, 1), one or one per hidden layer; got {dropout_rate}."
            )
        return Settings(
            loss=self._loss,
            hidden=None if is_auto else tuple(int(size) for size in hidden),
            rates=(self.input_dropout_rate, *np.broadcast_to(rates, hidden.shape).tolist()),
            l1=float(self.l1_lambda),
            l2=float(l2_lambda),
            activation=self.activation,
            solver=self.solver,
            max_iter=0 if self.max_iter == "auto" else int(self.max_iter),
            tol=self.tol,
            batch_size=0 if self.batch_size == "auto" else int(self.batch_size),
            learning_rate=self.learning_rate_init,
            standardize=self.standardize,
            verbose=int(self.verbose),
        )

    def _seeds(self, count: int) -> NDArray:
        """Return one seed per member (count,)."""
        return check_random_state(self.random_state).randint(2**31 - 1, size=count)

    def _keep(self, networks: list[Network]) -> None:
        """Set the attributes that describe the members."""
        pairs = [list(layer) for layer in zip(*(net.layers for net in networks), strict=True)]
        self.coefs_ = [np.stack([W for W, _ in pair]) for pair in pairs]
        self.intercepts_ = [np.stack([b for _, b in pair]) for pair in pairs]
        used = np.any(self.coefs_[0] != 0, axis=(0, 2))
        self.n_active_features_ = int(np.count_nonzero(used))
        self.solver_ = networks[0].solver
        self.best_loss_ = min(net.loss for net in networks)
        curves = [net.loss_curve for net in networks]
        self.n_iter_ = max(len(curve) for curve in curves)
        padded = [[*curve, *curve[-1:] * (self.n_iter_ - len(curve))] for curve in curves]
        self.loss_curve_ = np.mean(padded, axis=0)
        gaps = [net.dual_gap for net in networks if net.dual_gap is not None]
        self.dual_gap_ = np.max(gaps, axis=0) if gaps else None
        if any(net.has_failed for net in networks):
            warn(
                f"solver={self.solver_!r} failed: within {self.n_iter_} iterations the objective "
                "went out of bounds, or stayed above that of a constant model. Use "
                "standardize=True, lower learning_rate_init, or raise max_iter.",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _layers(self) -> list[list[Layer]]:
        """Return the layers of each member."""
        layers = list(zip(self.coefs_, self.intercepts_, strict=True))
        return [[(W[m], b[m]) for W, b in layers] for m in range(len(self.coefs_[0]))]

    def _member_predictions(self, X: Any) -> NDArray:
        """Return what each member predicts (members, n, k) for X (n, p) as the user gives it."""
        check_is_fitted(self, "coefs_")
        X = validate_data(self, X, reset=False, **INPUTS)
        X = sparse.csr_array(X) if sparse.issparse(X) else X
        members = [outputs(X, layers, self.activation) for layers in self._layers()]
        return np.stack([self._predicted(z) for z in members])

    def _predicted(self, z: NDArray) -> NDArray:
        """Return what outputs z (n, k) of a network predict."""
        raise NotImplementedError


def outputs(X: NDArray, layers: list[Layer], activation: str) -> NDArray:
    """Return the outputs (n, k) of one network, some thousand rows at a time."""
    W, b = layers[-1]
    result = np.empty((X.shape[0], len(b)))
    for part in gen_batches(X.shape[0], PREDICTED):
        result[part] = hidden_units(X[part], layers[:-1], ACTIVATIONS[activation]) @ W + b
    return result


def in_parallel(n_jobs: int | None, function: Any, arguments: Iterable[tuple]) -> list:
    """Return the results of calls in threads, with a BLAS of one thread.

    The products of a network are small: shared by two threads of BLAS, on a busy machine, they
    took 20 times as long.
    """
    with threadpool_limits(1, user_api="blas"):
        tasks = (delayed(function)(*each) for each in arguments)
        return Parallel(n_jobs=n_jobs, prefer="threads")(tasks)


@contextmanager
def unchanged_on_error(estimator: BaseEstimator) -> Iterator[None]:
    """Restore a fitted estimator's attributes if a fit fails or is interrupted."""
    before = vars(estimator).copy()
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
