"""One network from weighted rows: scale, train the hidden layers, solve the last layer exactly.

For squared loss the last layer is, given the hidden units, the library's own linear model under
dropout of its inputs, L1 and L2. It is solved over all rows in float64 after every training, with
its duality gap; without hidden layers it is the whole network.

Training sees the rows as a weighted set: rows of weight zero are left out, equal rows are merged,
and their order is that of their bytes. A row of weight 2 and a row that stands there twice thus
give the same network to the last bit, whatever rounding does to a long training in float32.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.preprocessing import StandardScaler
from sklearn.utils import gen_batches

from ..linear.dropout import DropoutRegressor
from ..problem.validation import OVERFLOW
from .losses import SQUARED, Layer
from .objective import Objective, Parameters, dense, hidden_units, random_layers
from .trainers import AdamState, Trainer, has_diverged

LITTLE = 1e-3  # is what a network may lose where a constant loses nothing
PART = 500  # rows of sparse X that are dense at once


class Rows(NamedTuple):
    """X (n, p), an array or CSR, targets Y (n, k) and weights s (n,), all in float64."""

    X: Any
    Y: NDArray
    s: NDArray

    def take(self, rows: NDArray) -> Rows:
        """Return some of the rows."""
        return Rows(self.X[rows], self.Y[rows], self.s[rows])

    def as_weighted_set(self) -> Rows:
        """Return the rows without duplicates, in an order of their own, with weights of sum 1."""
        X, Y, s = self.take(np.flatnonzero(self.s))
        if sparse.issparse(X):
            table = sparse.hstack([X, sparse.csr_array(Y)], format="csr")
            table.sum_duplicates()
            table.eliminate_zeros()
            parts = [slice(a, b) for a, b in pairwise(table.indptr)]
            keys = [table.indices[a].tobytes() + table.data[a].tobytes() for a in parts]
        else:
            keys = [row.tobytes() for row in np.hstack([X, Y]) + 0.0]  # -0.0 becomes 0.0
        _, first, group = np.unique(np.array(keys, object), return_index=True, return_inverse=True)
        s = np.bincount(group, s)
        return Rows(X[first], Y[first], s / s.sum())


@dataclass(frozen=True)
class Scaling:
    """Means and standard deviations of the columns of X (p,) and of Y (k,)."""

    x_mean: NDArray
    x_scale: NDArray
    y_mean: NDArray
    y_scale: NDArray

    @classmethod
    def of(cls, rows: Rows, scales_x: bool, scales_y: bool) -> Scaling:
        """Return the scaling of a weighted set; what is not scaled has mean 0 and scale 1."""
        weights = rows.s * len(rows.s)
        return cls(*_scales(rows.X, weights, scales_x), *_scales(rows.Y, weights, scales_y))

    def apply(self, rows: Rows) -> Rows:
        """Return the rows on the scale of the training."""
        if sparse.issparse(rows.X):
            X = rows.X.multiply(1 / self.x_scale).tocsr()
        else:
            X = (rows.X - self.x_mean) / self.x_scale
        return Rows(X, (rows.Y - self.y_mean) / self.y_scale, rows.s)

    def to_data(self, layers: list[Layer]) -> list[Layer]:
        """Return layers that take X and give Y as they are, of those for scaled ones."""
        layers = list(layers)
        W, b = layers[0]
        W = W / self.x_scale[:, None]
        layers[0] = W, b - self.x_mean @ W
        W, b = layers[-1]
        layers[-1] = W * self.y_scale, b * self.y_scale + self.y_mean
        return layers


@dataclass
class Network:
    """Layers for scaled rows, and how they were found."""

    layers: list[Layer]
    scaling: Scaling
    loss: float = np.inf
    loss_curve: list[float] = field(default_factory=list)
    state: AdamState | None = None
    dual_gap: NDArray | None = None
    has_failed: bool = False


def is_linear(objective: Objective, trainer: Trainer) -> bool:
    """Return whether the last layer, which is exact, is all that there is."""
    return objective.loss is SQUARED and not (objective.hidden or trainer.is_one_pass)


def train(
    rows: Rows,
    objective: Objective,
    trainer: Trainer,
    scaling: Scaling,
    seed: int,
    before: Network | None = None,
) -> Network:
    """Return the network trained on `rows`, a weighted set, from where one `before` ended."""
    X, Y, s = rows = scaling.apply(rows)
    state = before.state if before else None
    rng = np.random.default_rng((seed, state.n_steps if state else 0))
    sizes = X.shape[1], *objective.hidden, Y.shape[1]
    layers = list(before.layers) if before else random_layers(sizes, rng)
    is_exact = objective.loss is SQUARED and not trainer.is_one_pass
    network = Network(layers, scaling)
    if not is_linear(objective, trainer):
        is_eliminated = trainer.name == "lbfgs" and is_exact and not objective.l1
        n_trained = len(layers) - is_eliminated
        # Logistic regression is convex, and worth the digits of float64.
        dtype = np.float32 if objective.hidden or trainer.name == "adam" else np.float64
        theta = Parameters.of(layers[:n_trained], dtype)
        data = X.astype(dtype), Y.astype(dtype, order="F"), s.astype(dtype)
        network.loss_curve, network.state = trainer.minimise(objective, theta, data, rng, state)
        layers[:n_trained] = Parameters.of(theta.layers).layers
        network.has_failed = has_diverged(network.loss_curve)
    H = hidden_units(X, layers, objective.activation)
    rate, l1, l2 = objective.rates[-1], objective.l1, objective.l2
    if is_exact:
        linear = DropoutRegressor(rate, l1_lambda=l1, l2_lambda=l2, drop_to="zero")
        linear.fit(H, Y, sample_weight=s)
        layers[-1], network.dual_gap = (linear.coef_.T, linear.intercept_), linear.dual_gap_
    theta = Parameters.of(layers)
    top, unused = theta.layers[-1], theta.like().layers[-1]
    loss = sum(
        objective.loss.evaluate(dense(H[part]), Y[part], s[part], rate / (1 - rate), top, unused)[0]
        for part in gen_batches(len(s), PART)
    )
    network.loss = loss + objective.penalty(theta)
    most = 1.01 * objective.loss.of_constant(Y, s) + LITTLE
    network.has_failed |= not (trainer.is_one_pass or loss <= most)
    return network


def _scales(X: Any, weights: NDArray, is_scaled: bool) -> tuple[NDArray, NDArray]:
    """Return the means and scales (p,) of the columns; sparse ones keep their zeros."""
    none, one = np.zeros(X.shape[1]), np.ones(X.shape[1])
    if not is_scaled:
        return none, one
    is_centred = not sparse.issparse(X)
    with np.errstate(over="ignore", invalid="ignore"):
        scaler = StandardScaler(with_mean=is_centred).fit(X, sample_weight=weights)
    if not np.all(np.isfinite(scaler.var_)):
        raise ValueError(OVERFLOW)
    return scaler.mean_ if is_centred else none, scaler.scale_
