"""The sizes of data and penalties for which float64 holds every product that a fit takes.

The objective squares X and y, and solvers multiply such squares. Above LARGEST these products
overflow, below SMALLEST they vanish, and with them all that the data say. The first is an error,
and so is the second where it would count. A penalty is never an error. One that no correlation can
reach excludes its feature, and one that is below the rounding error of the loss is none.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from . import inspection

LARGEST, SMALLEST = 1e50, 1e-50
IGNORED = 1e-100  # of the largest weight, up to which a row does not count: no digit would change
SUSPICIOUS = 1e30  # of the means and of some rows: from there on all entries are looked at
ORDINARY = 1e-30, 1e30  # between these no penalty needs to be compared with the data
OVERWHELMING = 1e200  # a ridge that leaves no digit of a coefficient, whatever the data
# Coefficients are at most |b| / (EPS |A_j|). So these shares of |A_j| |b| and |A_j|^2 are worth
# less than EPS |b|^2 in the objective.
FAINT_L1, FAINT_RIDGE = 1e-32, 1e-48


def counting(weights: NDArray) -> NDArray:
    """Return the mask (n,) of the rows whose weights (n,) count beside the largest."""
    return weights > IGNORED * weights.max()


def squares_fit(X: NDArray, rows: NDArray, most: int) -> bool:
    """Whether no squares overflow in the rows of X (n, p) in the mask (n,), `most` bytes a time."""
    blocks = inspection.blocks(rows, X.shape[1], most)
    return all(_largest(X[some]) <= LARGEST for some in blocks)


def check_target(y: NDArray) -> None:
    """Raise ValueError if a target of y (..., n) has squares that overflow or vanish."""
    sizes = check_target_size(y)
    if np.any((sizes > 0) & (sizes < SMALLEST)):
        size = np.min(sizes[sizes > 0])
        raise ValueError(
            f"A target of y has no value above {size:.3g}; below {SMALLEST:g} products vanish in "
            "float64. Rescale y."
        )


def check_target_size(y: NDArray) -> NDArray:
    """Return the largest size (...) in targets y (..., n); ValueError if squares overflow."""
    sizes = np.max(np.abs(y), axis=-1)
    if np.any(sizes > LARGEST):
        raise ValueError(_too_large("y", np.max(sizes)))
    return sizes


def check_design(X: Any, mean: NDArray, counted: NDArray) -> None:
    """Raise ValueError if X (n, p) has entries whose squares overflow, in the rows `counted` (n,).

    Such entries leave a large mean (p,), or at least a large rounding error of it.
    """
    some = X.data if sparse.issparse(X) else X[inspection.sample(counted)]
    if np.max(np.abs(mean), initial=0.0) < SUSPICIOUS and _largest(some) < SUSPICIOUS:
        return
    size = _largest(X.data if sparse.issparse(X) else X[counted])
    if size > LARGEST:
        raise ValueError(_too_large("X", size))


def vanishing(X: Any, mean: NDArray, counted: NDArray | slice = slice(None)) -> NDArray:
    """Return the mask (p,) of the columns of X (n, p), not all zero, whose squares vanish.

    The column means (p,) raise the suspicion, the columns decide; of a dense X in the rows
    `counted` (n,), of a sparse one all count.
    """
    suspicious = np.abs(mean) < SMALLEST
    if sparse.issparse(X):
        suspects = np.flatnonzero(suspicious & (np.diff(X.indptr) > 0))
        some = X[:, suspects]
        size = np.maximum.reduceat(np.abs(some.data), some.indptr[:-1]) if len(suspects) else 0
    else:
        suspects = np.flatnonzero(suspicious)
        size = np.maximum(*_ends(X[:, suspects][counted])) if len(suspects) else 0
    mask = np.zeros(X.shape[1], dtype=bool)
    mask[suspects] = (size > 0) & (size < SMALLEST)
    return mask


def refuse_vanishing(columns: NDArray) -> None:
    """Raise ValueError if the mask (p,) of columns whose squares vanish holds any."""
    if np.any(columns):
        raise ValueError(
            f"Column {np.flatnonzero(columns)[0]} of X has no value above {SMALLEST:g}: products "
            "vanish in float64, yet its coefficient counts. Rescale the column, or leave it out."
        )


def _ends(X: NDArray) -> tuple[NDArray, NDArray]:
    """Return the largest values of each column of X (n, p), and of its negative."""
    return X.max(axis=0), -X.min(axis=0)


def _largest(values: NDArray) -> float:
    """Return the largest absolute value, 0 of none."""
    return float(max(np.max(values, initial=0.0), -np.min(values, initial=0.0)))


def _too_large(name: str, size: float) -> str:
    """Return the message for values up to `size`."""
    return (
        f"{name} has values up to {size:.3g}; above {LARGEST:g} products overflow in float64. "
        f"Rescale {name}."
    )


def trim(view: Any, penalty: Any) -> Any:
    """Return the penalty without the weights that are out of all proportion to the data."""
    penalty = _without_vanishing(view, penalty)
    weights = np.concatenate(penalty.finite)
    ordinary = (weights > ORDINARY[0]) & (weights < ORDINARY[1])
    if np.all(ordinary | (weights == 0)):
        return penalty
    moments = view.second_moments("mean" if view.fit_intercept else "zero")
    reach = np.sqrt(moments * np.max(view.target_norm2))  # of correlations
    return replace(
        penalty,
        l1=np.where(penalty.l1 < FAINT_L1 * reach, 0.0, penalty.l1),
        ridge=np.where(penalty.ridge < FAINT_RIDGE * moments, 0.0, penalty.ridge),
    ).exclude((penalty.l1 > 2 * reach) | (penalty.ridge > OVERWHELMING))


def _without_vanishing(view: Any, penalty: Any) -> Any:
    """Return the penalty without the columns too small to square, if it makes them as small."""
    columns = view.vanishing
    if not columns.any():
        return penalty
    needed = penalty.l1 <= SMALLEST * np.sqrt(np.max(view.target_norm2))
    refuse_vanishing(columns & needed & (penalty.ridge <= SMALLEST))
    return penalty.exclude(columns)
