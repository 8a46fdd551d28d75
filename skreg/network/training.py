"""One network from weighted rows: scale, train the hidden layers, solve the last layer exactly.

For squared loss the last layer is, given the hidden units, the library's own linear model under
dropout of its inputs, L1 and L2. It is solved anew over all rows in float64 after every training,
with its duality gap; without hidden layers it is the whole network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..linear.dropout import DropoutRegressor
from . import adam, lbfgs
from .activations import ACTIVATIONS
from .losses import LOSSES, Layer
from .objective import Objective, flatten, hidden_units, layer_views, random_layers
from .scaling import Rows, Scaling

LBFGS_ROWS = 15_000  # "auto" takes "lbfgs" up to here
LBFGS_ITERATIONS = 150
BATCH = 200


@dataclass(frozen=True)
class Settings:
    """What to train: `hidden` sizes (L), dropout `rates` (L + 1) of inputs and hidden layers."""

    loss: str
    hidden: tuple[int, ...]
    rates: tuple[float, ...]
    l1: float
    l2: float
    activation: str
    solver: str
    max_iter: int | None
    tol: float
    batch_size: int | None
    learning_rate: float
    standardize: bool
    verbose: int = 0

    @property
    def samples_masks(self) -> bool:
        """Whether there is dropout below the last layer, whose masks must be sampled."""
        return any(self.rates[:-1])

    @property
    def is_linear(self) -> bool:
        """Whether the whole network is one exact linear regression."""
        return not self.hidden and self.loss == "squared"

    def with_solver(self, rows: Rows) -> Settings:
        """Return the settings with "auto" replaced by a solver and its number of iterations."""
        n, solver = len(rows.s), self.solver
        if solver == "auto":
            is_small = n <= LBFGS_ROWS and not self.samples_masks
            solver = "lbfgs" if is_small else "adam"
        if solver == "lbfgs" and self.samples_masks:
            raise ValueError(
                "solver='lbfgs' averages over the masks of the last hidden layer only; dropout of "
                "what is below it needs solver='adam'."
            )
        iterations = self.max_iter or (lbfgs_iterations(n) if solver == "lbfgs" else epochs(n))
        batch_size = min(n, self.batch_size or max(BATCH, n // 100))
        return replace(self, solver=solver, max_iter=iterations, batch_size=batch_size)

    def objective(self, sizes: tuple[int, ...]) -> Objective:
        """Return the objective; the last layer is eliminated where that is a ridge regression."""
        activation = ACTIVATIONS[self.activation]
        if self.loss == "squared" and self.solver == "lbfgs" and not self.l1:
            return Objective(sizes[:-1], activation, self.rates, None, self.l2)
        return Objective(sizes, activation, self.rates, LOSSES[self.loss])


@dataclass
class Network:
    """A trained network: layers that take X as it is, and how they were found."""

    layers: list[Layer]
    solver: str
    loss: float
    loss_curve: list[float]
    dual_gap: NDArray | None = None
    state: adam.Adam | None = None
    has_diverged: bool = False


def lbfgs_iterations(n: int) -> int:
    """Return how many iterations of L-BFGS n rows take."""
    return min(LBFGS_ITERATIONS, 20 + n // 3)


def epochs(n: int) -> int:
    """Return how many epochs of Adam n rows take."""
    return int(np.clip(2_000_000 / n, 20, 150))


def train(
    rows: Rows,
    settings: Settings,
    seed: int,
    scaling: Scaling | None = None,
    start: list[Layer] | None = None,
    state: adam.Adam | None = None,
) -> Network:
    """Return the network trained on `rows`, a weighted set.

    `start` are layers for the data as given, `state` continues Adam's moments, and `scaling` is
    that of the rows if it is known.
    """
    settings = settings.with_solver(rows)
    scaling = scaling or scaling_of(rows, settings)
    rows = scaling.apply(rows)
    rng = np.random.default_rng(seed)
    sizes = (rows.X.shape[1], *settings.hidden, rows.Y.shape[1])
    layers = scaling.from_data(start) if start else random_layers(sizes, rng)
    network = Network(layers, settings.solver, np.inf, [])
    if not settings.is_linear:
        _train_layers(network, rows, settings, sizes, state, rng)
    if settings.loss == "squared":
        _solve_last_layer(network, rows, settings)
    network.loss = objective_value(network.layers, rows, settings)
    network.layers = scaling.to_data(network.layers)
    return network


def scaling_of(rows: Rows, settings: Settings) -> Scaling:
    """Return the scaling that the settings ask for; classes are never scaled."""
    is_squared = settings.loss == "squared"
    return Scaling.of(rows, settings.standardize, settings.standardize and is_squared)


def objective_value(layers: list[Layer], rows: Rows, settings: Settings) -> float:
    """Return the whole objective, in float64, without the masks below the last layer."""
    sizes = (rows.X.shape[1], *settings.hidden, rows.Y.shape[1])
    theta = flatten(layers)
    objective = Objective(
        sizes, ACTIVATIONS[settings.activation], settings.rates, LOSSES[settings.loss]
    )
    value = objective.evaluate(theta, rows.X, rows.Y, rows.s, np.empty_like(theta))
    weights = theta[: objective.n_weights]
    return float(value + settings.l1 * np.abs(weights).sum() + settings.l2 / 2 * weights @ weights)


def _train_layers(
    network: Network,
    rows: Rows,
    settings: Settings,
    sizes: tuple[int, ...],
    state: adam.Adam | None,
    rng: np.random.Generator,
) -> None:
    """Train the layers that the solver has to find."""
    objective = settings.objective(sizes)
    # Without hidden layers the problem is convex, and worth the digits of float64.
    dtype = np.float32 if settings.hidden or settings.solver == "adam" else np.float64
    data = tuple(array.astype(dtype) for array in (rows.X, rows.Y, rows.s))
    theta = flatten(network.layers[: len(objective.sizes) - 1])
    report = _printer(settings.verbose)
    if settings.solver == "lbfgs":
        theta, network.loss_curve = lbfgs.train(
            objective, theta, data, settings.l1, settings.l2, settings.max_iter, settings.tol, report
        )
        network.has_diverged = not np.isfinite(network.loss_curve[-1])
    else:
        network.state = adam.Adam(theta.astype(dtype))
        if state is not None and len(state.theta) == len(theta):
            network.state.resume(state)
        theta, network.loss_curve, network.has_diverged = adam.train(
            objective,
            network.state,
            data,
            settings.l1,
            settings.l2,
            settings.max_iter,
            settings.batch_size,
            settings.learning_rate,
            True,
            rng,
            report,
        )
    network.layers = layer_views(theta, objective.sizes) + network.layers[len(objective.sizes) - 1 :]


def _solve_last_layer(network: Network, rows: Rows, settings: Settings) -> None:
    """Replace the last layer by the minimiser of the objective for the hidden units of all rows."""
    H = hidden_units(rows.X, network.layers[:-1], ACTIVATIONS[settings.activation])
    linear = DropoutRegressor(
        settings.rates[-1], l1_lambda=settings.l1, l2_lambda=settings.l2, drop_to="zero"
    )
    if sparse.issparse(H):
        H = H.tocsc()
    linear.fit(H, rows.Y, sample_weight=rows.s)
    network.layers = [*network.layers[:-1], (linear.coef_.T, linear.intercept_)]
    network.dual_gap = linear.dual_gap_


def _printer(every: int) -> Callable[[int, float], None]:
    """Return what prints the loss of each of so many iterations; 0 prints nothing."""

    def report(iteration: int, loss: float) -> None:
        if every and iteration % every == 0:
            print(f"iteration {iteration}: objective {loss:.6g}")

    return report
