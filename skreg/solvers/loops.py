"""The three training loops the package grew from, as one: constant steps along a (sub)gradient.

    w <- w - step * (-A'(b - A w) + ridge w + l1 sign(w))

"gradient" (L2) and "subgradient" (L1) take A as it is; "mask" (dropout) draws a fresh mask every
epoch and takes the masked design in its place. The source trained on unscaled masks, on
w = (1 - rate) theta; on the scale that predicts, its step is learning_rate (1 - rate)^2. With a
constant step subgradients chatter around zeros and masks wander around the optimum, so these two
return the average of the later iterates, unless `average` is off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, eigsh

from .._objective import Penalty, dropout_ridge
from .._solution import Solution
from ..problem.rows import Rows  # stand-in

Evaluate = Callable[[NDArray], tuple[NDArray, NDArray]]
"""Takes w (..., p) to A'r (..., p) and |r|^2 (...)."""

DENSE_SPECTRUM = 200  # features up to which all eigenvalues are cheaper than a few


def descend(view: Any, penalty: Penalty, start: NDArray | None, settings: Any) -> Solution:
    """Take (sub)gradient steps from w (..., p) until the gap is within tol, or max_iter epochs."""
    step = settings.learning_rate
    if step == "auto":
        kept = np.flatnonzero(~penalty.excluded)
        step = _inverse(_largest_curvature(view, kept) + _largest(penalty.finite[1]))
    start = np.zeros(view.coef_shape) if start is None else start
    return _loop(view.evaluate, view, penalty, penalty, start, step, settings)


def mask(view: Rows, penalty: Penalty, start: NDArray | None, settings: Any) -> Solution:
    """Take gradient steps from w (..., p) or a random start, each on a freshly masked design."""
    rate, drop_to, rng = settings.dropout_rate, settings.drop_to, settings.random_state
    if view.is_sparse and drop_to == "mean":
        raise TypeError(
            "solver='mask' with drop_to='mean' does not support sparse X: dropped entries would "
            "not be zero. Use drop_to='zero' or solver='auto'."
        )
    moments = view.second_moments(drop_to)
    # The masks stand for the dropout part of the penalty.
    rest = replace(penalty, ridge=np.maximum(penalty.ridge - dropout_ridge(rate, moments), 0.0))
    step = settings.learning_rate
    if step == "auto":
        # The mean of a masked Gram matrix, its noise widened as the spectrum of a random matrix.
        kept = np.flatnonzero(~penalty.excluded)
        noise = _largest((rate * (1 - rate) * moments)[kept])
        noise *= (1 + np.sqrt(len(kept) / np.count_nonzero(view.counted))) ** 2
        curvature = _largest_curvature(view, kept) + _largest(rest.finite[1])
        curvature *= _largest((1 - rate[kept]) ** 2)
        step = _inverse(curvature + noise)
    if start is None:
        start = (1 - rate) * rng.standard_normal(view.coef_shape)
    evaluate = _masked(view, rate, drop_to, rng)
    return _loop(evaluate, view, rest, penalty, start, step * (1 - rate) ** 2, settings)


def _loop(
    evaluate: Evaluate,
    view: Any,
    stepped: Penalty,
    penalty: Penalty,
    w: NDArray,
    step: float | NDArray,
    settings: Any,
) -> Solution:
    """Run the epochs from w (..., p), with steps along `evaluate` and the penalty `stepped`.

    Whenever the number of epochs is a power of two, the loop stops if what it would return is
    within tol of the optimum of `penalty`. The average is over the epochs since the power of two
    before the last: a half to three quarters of them all.
    """
    kept = ~penalty.excluded
    l1, ridge = stepped.finite
    step = step * kept
    w = np.where(kept, w, 0.0)
    windows, losses = [(np.zeros_like(w), 0)] * 2, []
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
        windows[1] = (windows[1][0] + w, windows[1][1] + 1)
        (older, n_older), (newer, n_newer) = windows
        result = (older + newer) / (n_older + n_newer) if settings.average else w
        if epoch & (epoch - 1) == 0:
            gap = penalty.dual_gap(result, *view.evaluate(result)) if settings.tol > 0 else np.inf
            if np.all(gap <= settings.tol * 0.5 * view.target_norm2):
                break
            windows = [windows[1], (np.zeros_like(w), 0)]
    unknown = np.full(w.shape[:-1], np.nan)
    return Solution(result, unknown, len(losses), np.array(losses))


def _masked(view: Rows, rate: NDArray, drop_to: str, rng: np.random.RandomState) -> Evaluate:
    """Return the evaluation on a design whose entries are dropped anew at each call.

    An entry becomes t + (x - t) * kept / (1 - rate), t being its column's mean or zero; centred,
    that is a masked part and an offset, the same for every row.
    """
    to = (view.mean if drop_to == "mean" else 0.0) - view.shift
    offset = to - (view.mean - view.shift if view.fit_intercept else 0.0)
    if view.is_sparse:
        X = view.X.astype(np.float64)
        X.data += np.repeat(view.shift, np.diff(X.indptr))  # entries are dropped to zero itself
        offset = offset - to
        base = (sparse.diags(view.root) @ X @ sparse.diags(1 / (1 - rate))).tocsc()
        column_rate = np.repeat(rate, np.diff(base.indptr))

        def draw() -> Any:
            data = base.data * (rng.random_sample(base.nnz) > column_rate)
            return sparse.csc_matrix((data, base.indices, base.indptr), shape=base.shape)
    else:
        base = view.root[:, None] * (view.X - to) / (1 - rate)

        def draw() -> Any:
            return base * (rng.random_sample(base.shape) > rate)

    def evaluate(w: NDArray) -> tuple[NDArray, NDArray]:
        design = draw()
        residual = view.target - (design @ w.T).T - view.root * np.expand_dims(w @ offset, -1)
        correlation = (design.T @ residual.T).T + np.expand_dims(residual @ view.root, -1) * offset
        return correlation, np.einsum("...i,...i->...", residual, residual)

    return evaluate


def _largest_curvature(view: Any, kept: NDArray) -> float:
    """Return the largest eigenvalue of A'A for the columns `kept` (k,), from above."""
    if len(kept) <= DENSE_SPECTRUM:
        return _largest(np.linalg.eigvalsh(view.block(kept)))

    def product(u: NDArray) -> NDArray:
        w = np.zeros(view.n_features)
        w[kept] = u.ravel()
        return view.curvature(w)[kept]

    first = np.random.RandomState(0).standard_normal(len(kept))
    if not product(first).any():
        return 0.0
    operator = LinearOperator((len(kept),) * 2, matvec=product, dtype=np.float64)
    return 1.01 * float(eigsh(operator, k=1, v0=first, tol=1e-3, return_eigenvectors=False)[0])


def _inverse(curvature: float) -> float:
    """Return the step for a curvature; any step will do where there is none."""
    return 1.0 / curvature if curvature > 0 else 1.0


def _largest(values: NDArray) -> float:
    """Return the largest of nonnegative values (k,), 0 of none."""
    return float(np.max(values, initial=0.0))
