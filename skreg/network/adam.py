"""Adam (Kingma & Ba 2015) on minibatches, in float32, on one flat vector of parameters.

The L2 part is in the gradient, the L1 part a proximal step in Adam's own metric, so that both mean
the same for every batch size. The step is constant for the first half of a training and then falls
to zero; the result is the average of the iterates of the last tenth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .objective import Data, Objective, Parameters
from .settings import Settings

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
CONSTANT = 0.5  # share of the steps before their length begins to fall
AVERAGED = 0.1  # share of the steps, at the end, whose iterates are averaged
DIVERGED = 10.0  # times the loss of the first epoch


@dataclass
class Adam:
    """Adam's two moments (P,) of the gradient, and the number of steps."""

    first: NDArray
    second: NDArray
    n_steps: int = 0

    def step(self, theta: Parameters, slope: Parameters, length: float, l1: float) -> None:
        """Move theta by one step; `slope` is overwritten."""
        gradient = slope.vector
        self.n_steps += 1
        change = gradient - self.first
        change *= 1 - BETA1
        self.first += change
        np.square(gradient, out=gradient)
        gradient -= self.second
        gradient *= 1 - BETA2
        self.second += gradient
        metric = np.sqrt(self.second, out=gradient)
        metric /= np.sqrt(1 - BETA2**self.n_steps)
        metric += EPSILON
        length /= 1 - BETA1**self.n_steps
        np.divide(self.first, metric, out=change)
        change *= length
        theta.vector -= change
        if l1:
            reach = length * l1 / slope.weights
            theta.weights -= np.clip(theta.weights, -reach, reach)


def minimise(
    objective: Objective,
    theta: Parameters,
    state: Adam,
    data: Data,
    settings: Settings,
    rng: np.random.Generator,
) -> tuple[list[float], bool]:
    """Train theta and `state`; return each epoch's mean objective, and whether it diverged.

    `data` are X, Y, s. In one pass alone the step is constant and the last iterate is the result;
    after a divergence it is the one before the epoch of the least objective.
    """
    X, Y, s = data
    n, is_scheduled = X.shape[0], not settings.is_one_pass
    n_batches = -(-n // settings.batch_size)
    total = settings.max_iter * n_batches
    begin = int((1 - AVERAGED) * total)
    slope, done = theta.like(np.empty_like(theta.vector)), 0
    average = np.zeros(len(theta.vector))
    curve: list[float] = []
    best, kept = np.inf, theta.vector.copy()
    for _ in range(settings.max_iter):
        before, loss, order = theta.vector.copy(), 0.0, rng.permutation(n)
        Xs, Ys, ss = X[order], Y[order], s[order]
        for k in range(n_batches):
            at = slice(k * n // n_batches, (k + 1) * n // n_batches)
            share = (at.stop - at.start) / n
            batch = Xs[at], Ys[at], ss[at] / np.float32(share)
            loss += share * objective.evaluate(theta, *batch, slope, rng)
            left = min(1.0, (1 - done / total) / (1 - CONSTANT)) if is_scheduled else 1.0
            state.step(theta, slope, settings.learning_rate * left, objective.l1)
            done += 1
            if done > begin:
                average += theta.vector
        curve.append(loss)
        if settings.verbose and len(curve) % settings.verbose == 0:
            print(f"epoch {len(curve)}: objective {loss:.6g}")
        if not (loss <= DIVERGED * curve[0] and np.all(np.isfinite(theta.vector))):
            theta.vector[:] = kept
            return curve, True
        if loss < best:
            best, kept = loss, before
    if is_scheduled:
        is_zero = theta.weights == 0
        theta.vector[:] = average / (total - begin)
        if objective.l1:
            theta.weights[is_zero] = 0.0
    return curve, False
