"""The three training loops the package grew from, as one: constant steps along a (sub)gradient.

    w <- w - step * (-A'(b - A w) + ridge w + l1 sign(w))

"gradient" (L2) and "subgradient" (L1) take A as it is; "mask" (dropout) draws a fresh mask in every
epoch and puts the masked design in the place of A. The loops as first written trained on unscaled
masks, on w = (1 - rate) theta; on the scale that predicts, their step is that by (1 - rate)^2.
With a constant step subgradients chatter around zeros and masks wander around the optimum, so these
two return the average of the later iterates, unless `average` is off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, eigsh

from .._objective import Penalty, dropout_ridge
from .._solution import Settings, Solution
from ..problem.protocol import Design, Problem

Evaluate = Callable[[NDArray], tuple[NDArray, NDArray]]
"""Takes w (..., p) to A'r (..., p) and |r|^2 (...)."""

DENSE_SPECTRUM = 200  # features up to which all eigenvalues are cheaper than a few


def descend(
    problem: Problem, penalty: Penalty, start: NDArray | None, settings: Settings
) -> Solution:
    """Take (sub)gradient steps from w (..., p) until the gap is within tol, or max_iter epochs."""
    step = settings.learning_rate
    if isinstance(step, str):  # "auto"
        kept = np.flatnonzero(~penalty.excluded)
        step = _inverse(_largest_curvature(problem, kept) + _largest(penalty.ridge))
    start = np.zeros(problem.coef_shape) if start is None else start
    return _loop(problem.evaluate, problem, penalty, penalty, start, step, settings)


def mask(design: Design, penalty: Penalty, start: NDArray | None, settings: Settings) -> Solution:
    """Take gradient steps from w (..., p) or a random start, each on a freshly masked design."""
    rate, drop_to, rng = settings.dropout_rate, settings.drop_to, settings.random_state
    assert rate is not None  # `DropoutRegressor` sets both
    assert rng is not None
    if design.is_sparse and drop_to == "mean":
        raise TypeError(
            "solver='mask' with drop_to='mean' does not support sparse X: dropped entries would "
            "not be zero. Use drop_to='zero' or solver='auto'."
        )
    moments = design.second_moments(drop_to)
    # The masks stand for the dropout part of the penalty.
    rest = replace(penalty, ridge=np.maximum(penalty.ridge - dropout_ridge(rate, moments), 0.0))
    step = settings.learning_rate
    if isinstance(step, str):  # "auto"
        # The mean of a masked Gram matrix, its noise widened as the spectrum of a random matrix.
        kept = np.flatnonzero(~penalty.excluded)
        noise = _largest((rate * (1 - rate) * moments)[kept])
        noise *= (1 + np.sqrt(len(kept) / design.shape[0])) ** 2
        curvature = _largest_curvature(design, kept) + _largest(rest.ridge)
        step = _inverse(curvature * _largest((1 - rate[kept]) ** 2) + noise)
    if start is None:
        start = (1 - rate) * rng.standard_normal(design.coef_shape)
    evaluate = _masked(design, rate, drop_to, rng)
    return _loop(evaluate, design, rest, penalty, start, step * (1 - rate) ** 2, settings)


def _loop(
    evaluate: Evaluate,
    problem: Problem,
    stepped: Penalty,
    penalty: Penalty,
    w: NDArray,
    step: float | NDArray,
    settings: Settings,
) -> Solution:
    """Run the epochs from w (..., p), with steps along `evaluate` and the penalty `stepped`.

    Whenever the number of epochs is a power of two, the loop stops if what it would return is
    within tol of the optimum of `penalty`. The average is over the epochs since the power of two
    before the last: a half to three quarters of them all.
    """
    kept = ~penalty.excluded
    l1, ridge = stepped.l1, stepped.ridge
    step, w = step * kept, np.where(kept, w, 0.0)
    older, newer, losses = (np.zeros_like(w), 0), (np.zeros_like(w), 0), []
    for epoch in range(1, settings.max_iter + 1):
        with np.errstate(over="ignore", invalid="ignore"):
            correlation, residual_norm2 = evaluate(w)
            losses.append(0.5 * residual_norm2 + stepped.value(w))
            w = w - step * (ridge * w + l1 * np.sign(w) - correlation)
        if not np.all(np.isfinite(losses[-1])):
            raise ValueError(
                f"learning_rate={settings.learning_rate} makes the steps diverge: the loss is not "
                f"finite at epoch {epoch}. Use a smaller learning_rate, or 'auto'."
            )
        if settings.verbose and epoch % max(1, settings.max_iter // 10) == 0:
            print(f"epoch {epoch}: loss {np.sum(losses[-1]):.6g}")
        newer = (newer[0] + w, newer[1] + 1)
        result = (older[0] + newer[0]) / (older[1] + newer[1]) if settings.average else w
        if epoch & (epoch - 1) == 0:
            if settings.tol > 0:
                gap = penalty.dual_gap(result, *problem.evaluate(result))
                if np.all(gap <= settings.tol * 0.5 * problem.target_norm2):
                    break
            older, newer = newer, (np.zeros_like(w), 0)
    return Solution(result, n_iter=len(losses), loss_curve=np.array(losses))


def _masked(design: Design, rate: NDArray, drop_to: str, rng: np.random.RandomState) -> Evaluate:
    """Return the evaluation on a design whose entries are dropped anew at each call.

    An entry x becomes t + (x - t) * kept / (1 - rate), where t is its column's mean or zero. Less
    the column's mean that is a masked part and an offset, which is the same for every row.
    """
    shift = design.mean - design.centre if design.fit_intercept else np.zeros_like(rate)
    to = (design.mean if drop_to == "mean" else 0.0) - shift
    offset = to - design.centre
    if design.is_sparse:
        X = sparse.csc_array(design.X, dtype=np.float64, copy=True)
        X.data += np.repeat(shift, np.diff(X.indptr))  # entries are dropped to zero itself
        base = (sparse.diags(design.root) @ X @ sparse.diags(1 / (1 - rate))).tocsc()
        column_rate = np.repeat(rate, np.diff(base.indptr))

        def draw() -> NDArray | sparse.csc_array:
            data = base.data * (rng.random_sample(base.nnz) > column_rate)
            return sparse.csc_array((data, base.indices, base.indptr), shape=base.shape)
    else:
        base = design.root[:, None] * (design.X - to) / (1 - rate)

        def draw() -> NDArray | sparse.csc_array:
            return base * (rng.random_sample(base.shape) > rate)

    def evaluate(w: NDArray) -> tuple[NDArray, NDArray]:
        masked = draw()
        residual = design.target - (masked @ w.T).T - design.root * np.expand_dims(w @ offset, -1)
        correlation = (masked.T @ residual.T).T
        correlation += np.expand_dims(residual @ design.root, -1) * offset
        return correlation, np.einsum("...i,...i->...", residual, residual)

    return evaluate


def _largest_curvature(problem: Problem, kept: NDArray) -> float:
    """Return the largest eigenvalue of A'A for the features `kept` (k,), from above."""
    if len(kept) <= DENSE_SPECTRUM:
        return _largest(np.linalg.eigvalsh(problem.gram(kept)))
    one = problem if len(problem.coef_shape) == 1 else problem.select_target(0)

    def product(u: NDArray) -> NDArray:
        w = np.zeros(problem.n_features)
        w[kept] = u.ravel()
        return (one.cross - one.evaluate(w)[0])[kept]

    first = np.random.RandomState(0).standard_normal(len(kept))
    if not product(first).any():
        return 0.0
    operator = LinearOperator((len(kept),) * 2, matvec=product, dtype=np.float64)
    return 1.01 * float(eigsh(operator, k=1, v0=first, tol=1e-3, return_eigenvectors=False)[0])


def _inverse(curvature: float) -> float:
    """Return the step for a curvature; any step will do where there is none."""
    return 1.0 / curvature if curvature > 0 else 1.0


def _largest(values: NDArray) -> float:
    """Return the largest of nonnegative values (k,), 0 if there are none."""
    return float(np.max(values, initial=0.0))
