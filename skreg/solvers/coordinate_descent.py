"""Coordinate descent: scikit-learn's compiled one, through its public function.

It minimises |y - X x|^2 / (2 n) + alpha |x|_1, or the same from a Gram matrix, with one alpha for
all: features of l1 weights l1_j come in the unit l1_j / l1_0. Its own centring of sparse columns
costs n per coefficient; here the change of the intercept is the coefficient of one more column, so
large that alpha is nothing to it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import enet_path

from .._objective import Penalty
from ..problem.protocol import SparseColumns
from .active_set import Quadratic

INTERCEPT_SCALE = 1e9  # of the constant column: alpha / 1e9 is below the rounding of a correlation


@dataclass(frozen=True)
class ColumnLasso:
    """The L1 problem on sparse columns; `penalty` is that of their features (k,)."""

    columns: SparseColumns
    penalty: Penalty


def descend(
    problem: Quadratic | ColumnLasso, x: NDArray, gap: float, target_norm2: float, epochs: int
) -> tuple[NDArray, int]:
    """Return x (k,) at a duality gap relative to |b|^2, or after `epochs`; and how many."""
    penalty = problem.penalty
    if not len(x) or not penalty.l1.all():
        return x, 0
    unit = penalty.l1 / penalty.l1[0]
    if isinstance(problem, Quadratic):
        data = _of_gram(problem, unit, x, target_norm2)
    else:
        data = _of_columns(problem, unit, x)
    # Validation of the parameters takes longer than the descent where the problem is small.
    with warnings.catch_warnings(), config_context(skip_parameter_validation=True):
        warnings.simplefilter("ignore", ConvergenceWarning)
        _, path, _, n_iters = enet_path(
            **data,
            l1_ratio=1.0,
            alphas=[penalty.l1[0]],
            positive=penalty.positive,
            check_input=False,
            max_iter=epochs,
            tol=gap,
            return_n_iter=True,
        )
    return path[: len(x), 0] / unit, int(n_iters[0])


def _of_gram(problem: Quadratic, unit: NDArray, x: NDArray, target_norm2: float) -> dict[str, Any]:
    """Return the data arguments. `enet_path` reads the shape of X and y'y, and else the Gram."""
    H = problem.H if np.all(unit == 1) else problem.H / np.outer(unit, unit)
    no_rows = np.zeros((1, len(unit)), order="F")
    data = {"X": no_rows, "y": np.array([np.sqrt(target_norm2)]), "coef_init": x * unit}
    return {**data, "precompute": H, "Xy": problem.c / unit}


def _of_columns(problem: ColumnLasso, unit: NDArray, x: NDArray) -> dict[str, Any]:
    """Return the data arguments for sparse columns; the last column is that of an intercept."""
    X, target = problem.columns.X, problem.columns.y + problem.columns.centre @ x
    if not np.all(unit == 1):
        X = (X @ sparse.diags_array(1 / unit)).tocsc()
    signs = [1.0, -1.0] if problem.penalty.positive else [1.0]  # the intercept may go either way
    signs = signs if problem.columns.fit_intercept else []
    n, k = X.shape
    rows = np.tile(np.arange(n, dtype=X.indices.dtype), len(signs))
    data = np.concatenate([X.data, *(np.full(n, sign * INTERCEPT_SCALE) for sign in signs)])
    indptr = np.concatenate([X.indptr, X.indptr[-1] + n * np.arange(1, len(signs) + 1)])
    X = sparse.csc_array(
        (data, np.concatenate([X.indices, rows]), indptr.astype(X.indptr.dtype)),
        shape=(n, k + len(signs)),
    )
    coef = np.append(x * unit, np.zeros(len(signs)))
    return {"X": X, "y": target, "coef_init": coef, "precompute": False}
