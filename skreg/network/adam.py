"""Adam (Kingma & Ba 2015) on minibatches, in float32, on one flat vector.

The penalty is on the objective's scale: the L2 part is in the gradient, the L1 part a proximal
step in Adam's own metric, so that neither changes its meaning with the batch. The step stays
constant for the first half of the epochs and then falls to zero; the result is the average of the
iterates of the last tenth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .objective import Objective

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
CONSTANT = 0.5  # share of the epochs before the step begins to fall
AVERAGED = 0.1  # share of the epochs, at the end, whose iterates are averaged
DIVERGED = 10.0  # times the first epoch's loss


@dataclass
class Adam:
    """The parameters (P,) in float32 with Adam's two moments and its count of steps."""

    theta: NDArray
    first: NDArray = field(init=False)
    second: NDArray = field(init=False)
    steps: int = 0

    def __post_init__(self) -> None:
        """Start the moments at zero."""
        self.first, self.second = np.zeros_like(self.theta), np.zeros_like(self.theta)
        self._step, self._scale = np.empty_like(self.theta), np.empty_like(self.theta)

    def update(self, gradient: NDArray, rate: float, l1: float, n_weights: int) -> None:
        """Take one step along `gradient` (P,)."""
        self.steps += 1
        step, scale = self._step, self._scale
        np.subtract(gradient, self.first, out=step)
        step *= 1 - BETA1
        self.first += step
        np.multiply(gradient, gradient, out=scale)
        scale -= self.second
        scale *= 1 - BETA2
        self.second += scale
        np.sqrt(self.second, out=scale)
        scale /= np.sqrt(1 - BETA2**self.steps)
        scale += EPSILON
        rate /= 1 - BETA1**self.steps
        np.divide(self.first, scale, out=step)
        step *= rate
        self.theta -= step
        if l1:
            weights, reach = self.theta[:n_weights], scale[:n_weights]
            np.divide(rate * l1, reach, out=reach)
            weights -= np.clip(weights, -reach, reach)


def train(
    objective: Objective,
    state: Adam,
    data: tuple[NDArray, NDArray, NDArray],
    l1: float,
    l2: float,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    is_scheduled: bool,
    rng: np.random.Generator,
    report: Callable[[int, float], None],
) -> tuple[NDArray, list[float], bool]:
    """Return the parameters (P,), the mean loss of each epoch, and whether training diverged.

    `state` is updated; without a schedule the step is constant and the last iterate is returned.
    After a divergence the parameters are those before the epoch of least loss.
    """
    X, Y, s = data
    n, n_weights = X.shape[0], objective.n_weights
    s = s * n
    gradient, average = np.empty_like(state.theta), np.zeros(len(state.theta))
    n_batches = -(-n // batch_size)
    total = epochs * n_batches
    begin = total - max(1, int(AVERAGED * total))
    curve: list[float] = []
    best, kept = np.inf, state.theta.copy()
    done = 0
    for epoch in range(epochs):
        before, loss = state.theta.copy(), 0.0
        order = rng.permutation(n)
        Xs, Ys, ss = X[order], Y[order], s[order]
        for k in range(n_batches):
            at = slice(k * n // n_batches, (k + 1) * n // n_batches)
            size = at.stop - at.start
            value = objective.evaluate(state.theta, Xs[at], Ys[at], ss[at] / size, gradient, rng)
            weights = state.theta[:n_weights]
            value += 0.5 * l2 * float(weights @ weights)
            if l1:
                value += l1 * float(np.abs(weights).sum())
            gradient[:n_weights] += l2 * weights
            loss += value * (size / n)
            left = (total - done) / (total * (1 - CONSTANT)) if is_scheduled else 1.0
            state.update(gradient, learning_rate * min(1.0, left), l1, n_weights)
            done += 1
            if is_scheduled and done > begin:
                average += state.theta
        curve.append(loss)
        report(epoch + 1, loss)
        if not loss <= DIVERGED * max(curve[0], 1.0):
            state.theta[...] = kept
            return kept.astype(np.float64), curve, True
        if loss < best:
            best, kept = loss, before
    if not np.all(np.isfinite(state.theta)):
        state.theta[...] = kept
        return kept.astype(np.float64), curve, True
    if not is_scheduled:
        return state.theta.astype(np.float64), curve, False
    average /= total - begin
    if l1:
        average[:n_weights][state.theta[:n_weights] == 0] = 0.0
    return average, curve, False
