"""The two ways to minimise the objective of a network: L-BFGS on all rows, Adam on minibatches.

L-BFGS needs an objective without noise: dropout of the last hidden layer only. An L1 penalty makes
every weight the difference of two nonnegative ones, w = u - v, of linear cost l1 (u + v). L-BFGS-B
keeps such bounds exactly, so that zeros are zeros.

Adam (Kingma & Ba 2015) draws the masks. The L2 part is in its gradient, the L1 part a proximal step
in its own metric, so that both mean the same for every batch size. The step is constant for the
first half of a training and then falls to zero; the result is the average of the iterates of the
last tenth. In one pass alone the step is constant and the last iterate is the result.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from .objective import Objective, Parameters

MEMORY = 10  # pairs by which L-BFGS approximates the Hessian
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
CONSTANT = 0.5  # share of Adam's steps before their length begins to fall
AVERAGED = 0.1  # share of the steps, at the end, whose iterates are averaged
DIVERGED = 10.0  # times the loss of the first epoch

Data = tuple[Any, NDArray, NDArray]  # X (n, p), Y (n, k) and s (n,), of one float type


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
        self, objective: Objective, theta: Parameters, data: Data, rng: Any, state: Any
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
        data: Data,
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
            curve.append(loss)
            _report(self.verbose, "epoch", curve)
            if has_diverged(curve) or not np.all(np.isfinite(theta.vector)):
                theta.vector[:] = before
                return [*curve, np.inf], state
        if not self.is_one_pass:
            is_zero = theta.weights == 0
            theta.vector[:] = average / (total - begin)
            if objective.l1:
                theta.weights[is_zero] = 0.0
        return curve, state


Trainer = LBFGS | Adam


def has_diverged(curve: list[float]) -> bool:
    """Return whether the objective went out of bounds."""
    return not curve[-1] <= DIVERGED * curve[0]


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
