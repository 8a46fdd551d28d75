"""One network from weighted rows: scale, train the hidden layers, solve the last layer exactly.

For squared loss the last layer is, given the hidden units, the library's own linear model under
dropout of its inputs, L1 and L2. It is solved over all rows in float64 after every training, with
its duality gap; without hidden layers it is the whole network.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..linear.dropout import DropoutRegressor
from . import adam, lbfgs
from .activations import ACTIVATIONS
from .losses import LOSSES, Layer
from .objective import Objective, Parameters, hidden_units, random_layers
from .scaling import Rows, Scaling

LBFGS_ROWS = 15_000  # up to here "auto" takes "lbfgs"


@dataclass(frozen=True)
class Settings:
    """What to train: `hidden` sizes (L), dropout `rates` (L + 1) of inputs and hidden layers.

    `is_one_pass` is one epoch of Adam with a constant step, and nothing exact after it;
    `shortened` divides the number of iterations.
    """

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
    verbose: int
    is_one_pass: bool = False
    shortened: int = 1

    @property
    def is_linear(self) -> bool:
        """Whether the whole network is one exact linear regression."""
        return not self.hidden and self.loss == "squared" and not self.is_one_pass

    def completed(self, rows: Rows) -> Settings:
        """Return the settings with what is left to "auto" chosen for these rows."""
        n = len(rows.s)
        is_sampled = any(self.rates[:-1])
        solver = self.solver
        if solver == "auto":
            is_large = rows.is_sparse or n > LBFGS_ROWS
            solver = "adam" if is_large or is_sampled or self.is_one_pass else "lbfgs"
        if solver == "lbfgs" and is_sampled:
            raise ValueError(
                "solver='lbfgs' averages over the masks of the last hidden layer only; dropout of "
                "inputs or of lower layers needs solver='adam'."
            )
        if solver == "lbfgs" and rows.is_sparse and not self.is_linear:
            raise TypeError("Sparse X needs solver='adam'; use X.toarray() with solver='lbfgs'.")
        budget = min(150, 20 + n // 3) if solver == "lbfgs" else np.clip(2_000_000 // n, 20, 150)
        max_iter = 1 if self.is_one_pass else self.max_iter or int(budget)
        max_iter = -(-max_iter // self.shortened)
        batch_size = min(n, self.batch_size or max(200, n // 100))
        return replace(self, solver=solver, max_iter=max_iter, batch_size=batch_size)

    def objective(self, eliminates: bool = False) -> Objective:
        """Return the objective of all layers, or of all but the last, which is eliminated."""
        loss = None if eliminates else LOSSES[self.loss]
        return Objective(ACTIVATIONS[self.activation], self.rates, loss, self.l1, self.l2)

    def scaling(self, rows: Rows) -> Scaling:
        """Return the scaling of the rows; classes are never scaled."""
        return Scaling.of(rows, self.standardize, self.standardize and self.loss == "squared")


@dataclass
class Network:
    """Layers that take X as it is, and how they were found."""

    layers: list[Layer]
    solver: str = "exact"
    loss: float = np.inf
    loss_curve: tuple[float, ...] | list[float] = ()
    dual_gap: NDArray | None = None
    state: adam.Adam | None = None
    has_diverged: bool = False


def train(
    rows: Rows,
    settings: Settings,
    seed: Any,
    scaling: Scaling | None = None,
    start: list[Layer] | None = None,
    state: adam.Adam | None = None,
) -> Network:
    """Return the network trained on `rows`, a weighted set.

    `scaling` is that of the rows if it is known, `start` are layers for the data as given, and
    `state` are Adam's moments to go on with.
    """
    settings = settings.completed(rows)
    scaling = scaling or settings.scaling(rows)
    rows = scaling.apply(rows)
    sizes = (rows.X.shape[1], *settings.hidden, rows.Y.shape[1])
    rng = np.random.default_rng(seed)
    network = Network(scaling.from_data(start) if start else random_layers(sizes, rng), state=state)
    if not settings.is_linear:
        _train_layers(network, rows, settings, rng)
    if settings.loss == "squared" and not settings.is_one_pass:
        _solve_last_layer(network, rows, settings)
    theta = Parameters.of(network.layers)
    gradient = theta.like(np.empty_like(theta.vector))
    network.loss = settings.objective().evaluate(theta, rows.X, rows.Y, rows.s, gradient)
    network.layers = scaling.to_data(network.layers)
    return network


def _train_layers(
    network: Network, rows: Rows, settings: Settings, rng: np.random.Generator
) -> None:
    """Train all layers, or all but the last where that is a ridge regression on the others."""
    network.solver = settings.solver
    is_lbfgs = settings.solver == "lbfgs"
    eliminates = is_lbfgs and settings.loss == "squared" and not settings.l1
    # Without hidden layers the problem is convex, and worth the digits of float64.
    dtype = np.float64 if is_lbfgs and not settings.hidden else np.float32
    data = rows.X.astype(dtype), rows.Y.astype(dtype, order="F"), rows.s.astype(dtype)
    n_trained = len(settings.hidden) + (not eliminates)
    theta, last = Parameters.of(network.layers[:n_trained], dtype), network.layers[n_trained:]
    objective = settings.objective(eliminates)
    if is_lbfgs:
        network.loss_curve = lbfgs.minimise(
            objective, theta, data, settings.max_iter, settings.tol, settings.verbose
        )
        network.has_diverged = not np.isfinite(network.loss_curve[-1])
    else:
        network.state = deepcopy(network.state) or adam.Adam(*np.zeros((2, len(theta.vector)), "f"))
        plan = settings.max_iter, settings.batch_size, settings.learning_rate
        network.loss_curve, network.has_diverged = adam.minimise(
            objective,
            theta,
            network.state,
            data,
            *plan,
            not settings.is_one_pass,
            rng,
            settings.verbose,
        )
    network.layers = [*((W.astype(float), b.astype(float)) for W, b in theta.layers), *last]


def _solve_last_layer(network: Network, rows: Rows, settings: Settings) -> None:
    """Replace the last layer by the exact minimiser for the hidden units of all rows."""
    H = hidden_units(rows.X, network.layers[:-1], ACTIVATIONS[settings.activation])
    linear = DropoutRegressor(
        settings.rates[-1], l1_lambda=settings.l1, l2_lambda=settings.l2, drop_to="zero"
    ).fit(H, rows.Y, sample_weight=rows.s)
    network.layers = [*network.layers[:-1], (linear.coef_.T, linear.intercept_)]
    network.dual_gap = linear.dual_gap_
