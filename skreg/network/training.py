"""One network from weighted rows: scale, train the hidden layers, solve the last layer exactly.

For squared loss the last layer is, given the hidden units, the library's own linear model under
dropout of its inputs, L1 and L2. It is solved over all rows in float64 after every training, with
its duality gap; without hidden layers it is the whole network.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..linear.dropout import DropoutRegressor
from . import adam, lbfgs
from .activations import ACTIVATIONS
from .losses import CONSTANT_LOSSES, Layer
from .objective import Parameters, hidden_units, random_layers
from .scaling import Rows, Scaling
from .settings import Settings

LITTLE = 1e-3  # is what a network may lose where a constant loses nothing


@dataclass
class Network:
    """Layers that take X as it is, and how they were found."""

    layers: list[Layer]
    solver: str = "exact"
    loss: float = np.inf
    loss_curve: tuple[float, ...] | list[float] = ()
    dual_gap: NDArray | None = None
    state: adam.Adam | None = None
    has_failed: bool = False


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
    sizes = settings.sizes(rows)
    rng = np.random.default_rng(seed)
    network = Network(scaling.from_data(start) if start else random_layers(sizes, rng), state=state)
    if not settings.is_linear:
        _train_layers(network, rows, settings, rng)
    if settings.loss == "squared" and not settings.is_one_pass:
        _solve_last_layer(network, rows, settings)
    theta = Parameters.of(network.layers)
    gradient = theta.like(np.empty_like(theta.vector))
    objective = settings.objective()
    network.loss = objective.evaluate(theta, rows.X, rows.Y, rows.s, gradient)
    without_penalty = network.loss - objective.penalty(theta)
    constant = CONSTANT_LOSSES[settings.loss](rows.Y, rows.s)
    network.has_failed |= not (settings.is_one_pass or without_penalty <= 1.01 * constant + LITTLE)
    network.layers = scaling.to_data(network.layers)
    return network


def _train_layers(
    network: Network, rows: Rows, settings: Settings, rng: np.random.Generator
) -> None:
    """Train all layers, or all but the last where that is eliminated."""
    network.solver = settings.solver
    # Without hidden layers the problem is convex, and worth the digits of float64.
    dtype = np.float32 if settings.hidden or settings.solver == "adam" else np.float64
    data = rows.X.astype(dtype), rows.Y.astype(dtype, order="F"), rows.s.astype(dtype)
    n_trained = len(network.layers) - settings.eliminates
    last = network.layers[n_trained:]
    theta = Parameters.of(network.layers[:n_trained], dtype)
    objective = settings.objective(settings.eliminates)
    if settings.solver == "lbfgs":
        network.loss_curve = lbfgs.minimise(objective, theta, data, settings)
        network.has_failed = not np.isfinite(network.loss_curve[-1])
    else:
        zeros = np.zeros_like(theta.vector)
        state = deepcopy(network.state) or adam.Adam(zeros, zeros.copy())
        network.state = state
        network.loss_curve, network.has_failed = adam.minimise(
            objective, theta, state, data, settings, rng
        )
    network.layers = [(W.astype(np.float64), b.astype(np.float64)) for W, b in theta.layers] + last


def _solve_last_layer(network: Network, rows: Rows, settings: Settings) -> None:
    """Replace the last layer by the exact minimiser for the hidden units of all rows."""
    H = hidden_units(rows.X, network.layers[:-1], ACTIVATIONS[settings.activation])
    linear = DropoutRegressor(
        settings.rates[-1], l1_lambda=settings.l1, l2_lambda=settings.l2, drop_to="zero"
    ).fit(H, rows.Y, sample_weight=rows.s)
    network.layers[-1] = linear.coef_.T, linear.intercept_
    network.dual_gap = linear.dual_gap_
