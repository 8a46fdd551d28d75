"""One network from weighted rows: scale, train the hidden layers, solve the last layer exactly.

Training sees the rows as a weighted set: rows of weight zero are left out, equal rows are merged,
and their order is that of their bytes. A row of weight 2 and a row that stands there twice thus
give the same network to the last bit, whatever rounding does to a long training in float32.

L-BFGS takes all rows at once, and needs an objective without noise: dropout of the last hidden
layer only. An L1 penalty makes every weight the difference of two nonnegative ones, w = u - v, of
linear cost l1 (u + v). L-BFGS-B keeps such bounds exactly, so that zeros are zeros.

Adam (Kingma & Ba 2015) takes minibatches and draws the masks. The L2 part is in its gradient, the
L1 part a proximal step in its own metric, so that both mean the same for every batch size. The step
is constant for the first half of a training and then falls to zero; the result is the average of
the iterates of the last tenth.

For squared loss the last layer is, given the hidden units, the library's own linear model under
dropout of its inputs, L1 and L2. It is solved over all rows in float64 after every training, with
its duality gap; without hidden layers it is the whole network.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize
from sklearn.preprocessing import StandardScaler
from sklearn.utils import gen_batches

from ..linear.dropout import DropoutRegressor
from ..problem.validation import OVERFLOW
from .objective import SQUARED, Layer, Objective, Parameters, dense, hidden_units, random_layers

LITTLE = 1e-3  # is what a network may lose where a constant loses nothing
PART = 500  # rows of sparse X that are dense at once
MEMORY = 10  # pairs by which L-BFGS approximates the Hessian
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
CONSTANT = 0.5  # share of Adam's steps before their length begins to fall
AVERAGED = 0.1  # share of the steps, at the end, whose iterates are averaged
DIVERGED = 10.0  # times the loss of the first epoch, or of a constant


class Rows(NamedTuple):
    """X (n, p), an array or CSR, targets Y (n, k) and weights s (n,), all of one float type."""

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
class AdamState:
    """Sums (P,) of gradients and of their squares, an older one counting less, and the steps."""

    first: NDArray
    second: NDArray
    n_steps: int = 0


@dataclass(frozen=True)
class LBFGS:
    """At most `max_iter` iterations, until no entry of the gradient is above `tol`."""

    max_iter: int
    tol: float
    verbose: int = 0
    name, is_one_pass = "lbfgs", False

    def minimise(
        self, objective: Objective, theta: Parameters, data: Rows, rng: Any, state: Any
    ) -> tuple[list[float], None]:
        """Move theta to a minimum; return the objective after each iteration."""
        split, slope = len(theta.weights) if objective.l1 else 0, theta.like()
        curve: list[float] = []

        def joined(x: NDArray) -> NDArray:
            u, v, others = np.split(x, [split, 2 * split])
            return np.concatenate([u - v, others])

        def value_and_gradient(x: NDArray) -> tuple[float, NDArray]:
            theta.vector[:] = joined(x)
            value = objective.evaluate(theta, *data, slope)
            weights, others = np.split(slope.vector.astype(np.float64), [split])
            return value, np.concatenate([objective.l1 + weights, objective.l1 - weights, others])

        def note(intermediate_result: Any) -> None:
            curve.append(float(intermediate_result.fun))
            _report(self.verbose, "iteration", curve)

        weights, others = np.split(theta.vector.astype(np.float64), [split])
        result = minimize(
            value_and_gradient,
            np.concatenate([np.maximum(weights, 0.0), np.maximum(-weights, 0.0), others]),
            method="L-BFGS-B",
            jac=True,
            bounds=[(0.0, None)] * (2 * split) + [(None, None)] * len(others) if split else None,
            callback=note,
            options={"maxiter": self.max_iter, "maxcor": MEMORY, "ftol": 0.0, "gtol": self.tol},
        )
        theta.vector[:] = joined(result.x)
        return curve or [float(result.fun)], None


@dataclass(frozen=True)
class Adam:
    """`max_iter` epochs in steps of `batch_size` rows, at first of length `learning_rate`."""

    max_iter: int
    batch_size: int
    learning_rate: float
    is_one_pass: bool
    verbose: int = 0
    name = "adam"

    def minimise(
        self,
        objective: Objective,
        theta: Parameters,
        data: Rows,
        rng: np.random.Generator,
        state: AdamState | None,
    ) -> tuple[list[float], AdamState]:
        """Train theta; return the mean objective of each epoch, and what to go on with.

        A training that diverges ends with the parameters before the epoch in which it did.
        """
        X, Y, s = data
        n, zeros = X.shape[0], np.zeros_like(theta.vector)
        state = deepcopy(state) or AdamState(zeros, zeros.copy())
        slope, average = theta.like(), np.zeros(len(theta.vector))
        batches = -(-n // self.batch_size)
        total, done = self.max_iter * batches, 0
        begin = int((1 - AVERAGED) * total)
        curve: list[float] = []
        for _ in range(self.max_iter):
            before, loss = theta.vector.copy(), 0.0
            for rows in np.array_split(rng.permutation(n), batches):
                share = len(rows) / n
                batch = X[rows], Y[rows], s[rows] / np.float32(share)
                loss += share * objective.evaluate(theta, *batch, slope, rng)
                left = min(1.0, (1 - done / total) / (1 - CONSTANT))
                length = self.learning_rate * (1.0 if self.is_one_pass else left)
                _step(theta, slope, state, length, objective.l1)
                done += 1
                if done > begin:
                    average += theta.vector
            curve.append(loss if np.all(np.isfinite(theta.vector)) else np.inf)
            _report(self.verbose, "epoch", curve)
            if has_diverged(curve):
                theta.vector[:] = before
                return curve, state
        if not self.is_one_pass:
            is_zero = theta.weights == 0
            theta.vector[:] = average / (total - begin)
            if objective.l1:
                theta.weights[is_zero] = 0.0
        return curve, state


Trainer = LBFGS | Adam


def has_diverged(curve: list[float]) -> bool:
    """Return whether the objective went out of bounds."""
    return not curve[-1] <= DIVERGED * curve[0] < np.inf


def _step(theta: Parameters, slope: Parameters, state: AdamState, length: float, l1: float) -> None:
    """Move theta by one step; `slope` is overwritten."""
    gradient = slope.vector
    state.n_steps += 1
    state.first *= BETA1
    state.first += gradient
    gradient *= gradient
    state.second *= BETA2
    state.second += gradient
    # A mean is a sum divided by 1 + BETA + BETA^2 + ..., here once for all entries.
    mass = (1 - BETA1**state.n_steps) / (1 - BETA1)
    root_mass = np.sqrt((1 - BETA2**state.n_steps) / (1 - BETA2))
    metric = np.sqrt(state.second, out=gradient)
    metric += EPSILON * root_mass
    length *= root_mass
    change = state.first / metric
    change *= length / mass
    theta.vector -= change
    if l1:
        reach = length * l1 / slope.weights
        theta.weights -= np.clip(theta.weights, -reach, reach)


def _report(verbose: int, unit: str, curve: list[float]) -> None:
    """Print the objective of every so many iterations."""
    if verbose and len(curve) % verbose == 0:
        print(f"{unit} {len(curve)}: objective {curve[-1]:.6g}")


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

    @property
    def data_layers(self) -> list[Layer]:
        """The layers that take X and give Y as they are."""
        return self.scaling.to_data(self.layers)


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
    curve: list[float] = []
    network = Network(layers, scaling)
    if not is_linear(objective, trainer):
        is_eliminated = trainer.name == "lbfgs" and is_exact and not objective.l1
        n_trained = len(layers) - is_eliminated
        # Logistic regression is convex, and worth the digits of float64.
        dtype = np.float32 if objective.hidden or trainer.name == "adam" else np.float64
        theta = Parameters.of(layers[:n_trained], dtype)
        data = Rows(X.astype(dtype), Y.astype(dtype, order="F"), s.astype(dtype))
        with np.errstate(over="ignore", invalid="ignore"):  # a divergence has a warning of its own
            curve, network.state = trainer.minimise(objective, theta, data, rng, state)
        layers[:n_trained] = Parameters.of(theta.layers).layers
        network.has_failed = has_diverged(curve)
    H = hidden_units(X, layers, objective.activation)
    if is_exact:
        linear = DropoutRegressor(
            objective.rates[-1], l1_lambda=objective.l1, l2_lambda=objective.l2, drop_to="zero"
        ).fit(H, Y, sample_weight=s)
        layers[-1], network.dual_gap = (linear.coef_.T, linear.intercept_), linear.dual_gap_
    loss, penalty = _loss_and_penalty(objective, layers, H, Y, s)
    network.loss, network.loss_curve = loss + penalty, curve
    if not trainer.is_one_pass:
        constant = objective.loss.of_constant(Y, s) + LITTLE
        # The exact last layer may hide that the training before it came to nothing.
        trained = curve[-1] - penalty if curve else loss
        network.has_failed |= not (loss <= 1.01 * constant and trained <= DIVERGED * constant)
    return network


def _loss_and_penalty(
    objective: Objective, layers: list[Layer], H: Any, Y: NDArray, s: NDArray
) -> tuple[float, float]:
    """Return the loss on top of the last hidden units H (n, H), and the penalty of all layers."""
    theta = Parameters.of(layers)
    rho, unused = objective.rates[-1] / (1 - objective.rates[-1]), theta.like().layers[-1]
    loss = sum(
        objective.loss.evaluate(dense(H[part]), Y[part], s[part], rho, theta.layers[-1], unused)[0]
        for part in gen_batches(len(s), PART)
    )
    return loss, objective.penalty(theta)


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
