"""Coordinate descent: scikit-learn's compiled one, through its public function.

It minimises |y - X x|^2 / (2 n) + alpha |x|_1, or the same from the Gram matrix; with one alpha for
all, so features of l1 weights l1_j come in the unit l1_j / l1_0. Its own centring of sparse columns
costs n per coefficient; here the change of the intercept is the coefficient of one more column, so
large that alpha is nothing to it.
"""

from __future__ import annotations

from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import enet_path

from ..problem import sizes
from .finish import Quadratic
from .quiet import quiet
from .threads import one_thread

INTERCEPT_SCALE = 1e9


@dataclass(frozen=True)
class Columns:
    """The L1 problem on the columns `X` (n, k), sparse, with their `mean` (k,), and `y` (n,)."""

    X: Any
    mean: NDArray
    y: NDArray
    l1: NDArray
    positive: bool


def descend(
    problem: Quadratic | Columns, x: NDArray, tol: float, target_norm2: float, epochs: int
) -> tuple[NDArray, int]:
    """Return x (k,) after `epochs`, or at a gap of `tol` relative to the target, and how many."""
    if not len(x) or not np.all(problem.l1 > 0):
        return x, 0
    with np.errstate(over="ignore"):
        unit = problem.l1 / problem.l1[0]
    if np.any((unit < sizes.SMALLEST) | (unit > sizes.LARGEST)):  # their products are not numbers
        return x, 0
    data, threads = _of_gram, nullcontext()
    if isinstance(problem, Columns):  # whose n rows are long enough to start threads
        data, threads = _of_columns, one_thread()
    # Where another thread has replaced the filters by those that raise, x is no worse a start.
    # To validate parameters takes longer than to descend, where the problem is small.
    plainly = config_context(skip_parameter_validation=True)
    with quiet(), suppress(ConvergenceWarning), plainly, threads:
        _, path, _, n_iters = enet_path(
            **data(problem, unit, x, target_norm2),
            l1_ratio=1.0,
            alphas=[problem.l1[0]],
            positive=problem.positive,
            check_input=False,
            max_iter=epochs,
            tol=tol,
            return_n_iter=True,
        )
        return path[: len(x), 0] / unit, n_iters[0]
    return x, epochs


def _of_gram(problem: Quadratic, unit: NDArray, x: NDArray, target_norm2: float) -> dict[str, Any]:
    """Return the data arguments: of X and y, the shape and y'y are all that is looked at."""
    H = problem.H if np.all(unit == 1) else problem.H / np.outer(unit, unit)
    no_rows = np.zeros((1, len(unit)), order="F")
    norm = np.array([np.sqrt(target_norm2)])
    data = {"X": no_rows, "y": norm, "coef_init": x * unit}
    return {**data, "precompute": H, "Xy": problem.c / unit}


def _of_columns(problem: Columns, unit: NDArray, x: NDArray, _: float) -> dict[str, Any]:
    """Return the data arguments for sparse columns, the intercept's last: it settles each epoch."""
    X = problem.X if np.all(unit == 1) else (problem.X @ sparse.diags_array(1 / unit)).tocsc()
    y, coef = problem.y, x * unit
    if problem.mean.any():
        signs = [1.0, -1.0] if problem.positive else [1.0]  # the intercept may go either way
        X, y = _with_constant(X, INTERCEPT_SCALE * np.array(signs)), y + problem.mean @ x
        coef = np.append(coef, np.zeros(len(signs)))
    return {"X": X, "y": y, "coef_init": coef, "precompute": False}


def _with_constant(X: Any, values: NDArray) -> Any:
    """Return a sparse X (n, k) with a constant column for each of the `values` (c,) at its end."""
    n, k = X.shape
    data = np.concatenate([X.data, np.repeat(values, n)])
    indices = np.concatenate([X.indices, *[np.arange(n, dtype=X.indices.dtype)] * len(values)])
    ends = X.indptr[-1] + n * np.arange(1, len(values) + 1, dtype=X.indptr.dtype)
    indptr = np.concatenate([X.indptr, ends])
    return sparse.csc_array((data, indices, indptr), shape=(n, k + len(values)))
