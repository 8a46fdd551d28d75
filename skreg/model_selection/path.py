"""`regularization_path`: the coefficients at every strength, each certified on the data.

A path goes down from the most regularised value, see `grids.py` for where it starts and
`family.py` for how it goes on. Where there are few features it is solved on the moments of the
data, where a value costs p^2; what comes out is certified on the data, and solved again there where
the moments were not accurate enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from .. import solvers
from .._solution import Solution, warn_not_converged
from ..linear.base import BaseRegularized, cast
from ..problem.moments_view import MomentsView
from ..problem.rows import Rows
from ..solvers.spectral import chunks
from . import grids
from .family import Family, moments_suffice


@dataclass(frozen=True)
class RegularizationPath:
    """The coefficients along a path, the most regularised first.

    For m values, n_features features, and y of shape (n_samples,); with y of shape (n_samples,
    n_targets) the coefficients are (m, n_targets, n_features), and intercepts and gaps
    (m, n_targets).

    Parameters
    ----------
    parameter : str
        The parameter of the estimator that varies: "l1_lambda", "l2_lambda" or "dropout_rate".
    values : ndarray of shape (m,)
        Its values, descending.
    coefs : ndarray of shape (m, n_features) or (m, n_targets, n_features)
        The coefficients at each value, in the float type of X.
    intercepts : ndarray of shape (m,) or (m, n_targets)
        The intercepts, 0 if `fit_intercept=False`.
    dual_gaps : ndarray of shape (m,) or (m, n_targets)
        The certificates, in units of the objective: bounds on how far it is above its minimum.
        Evaluated on the data in float64.
    n_iters : ndarray of shape (m,)
        Newton steps or refinements taken at each value.
    feature_names : ndarray of shape (n_features,) or None
        The names of the features, if X had string column names.
    knots : ndarray of shape (n_knots,) or None
        The strengths at which a feature enters or leaves, descending. None if the path was not
        followed from knot to knot.
    entered : ndarray of shape (n_knots,) or None
        The feature j that enters at each knot, or ~j if it leaves.

    See Also
    --------
    regularization_path : Compute one.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skreg import DropoutRegressor, regularization_path
    >>> X, y = load_diabetes(return_X_y=True)
    >>> path = regularization_path(DropoutRegressor(), X, y, values=[0.1, 0.5, 0.9])
    >>> path.parameter, path.values.tolist()
    ('dropout_rate', [0.9, 0.5, 0.1])
    >>> path.intercepts.round(1)
    array([152.1, 152.1, 152.1])
    >>> bool((path.dual_gaps < 1e-9).all())
    True
    """

    parameter: str
    values: NDArray
    coefs: NDArray
    intercepts: NDArray
    dual_gaps: NDArray
    n_iters: NDArray
    feature_names: NDArray | None = None
    knots: NDArray | None = None
    entered: NDArray | None = None


def regularization_path(
    estimator, X, y, values=None, n_values=100, eps=None, sample_weight=None
) -> RegularizationPath:
    """Return the coefficients of an estimator at many strengths, each certified on the data.

    The strength that varies is `l1_lambda` of an `L1Regressor`, `l2_lambda` of an `L2Regressor`, or
    `dropout_rate` of a `DropoutRegressor`; whatever else the estimator is set to stays. The
    coefficients at each value are those that `fit` finds there.

    Parameters
    ----------
    estimator : L1Regressor, L2Regressor or DropoutRegressor
        What to fit. It is cloned, not changed. Its `solver` must be an exact one. Its own strength,
        and whatever it was fitted to, play no role.
    X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
        The design. float64 and float32 are kept, everything else becomes float64.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        The targets.
    values : array-like of shape (m,), default=None
        Values of the parameter: nonnegative, of a dropout rate below 1. They are sorted, and
        repeated ones are taken once. None: an automatic grid, see the notes.
    n_values : int, default=100
        Length of the automatic grid.
    eps : float, default=None
        The last strength of the automatic grid as a share of the first, between 0 and 1. None:
        1e-3 for `l1_lambda`, 1e-6 for `l2_lambda`, about 1e-5 for `dropout_rate`.
    sample_weight : array-like of shape (n_samples,) or float, default=None
        Nonnegative row weights; a row of weight 2 counts as two rows. None weighs all alike.

    Returns
    -------
    path : RegularizationPath
        Values, coefficients, intercepts, duality gaps and iterations.

    Raises
    ------
    TypeError
        If the estimator is none of the three, or its solver does not take sparse X.
    ValueError
        For input that `fit` refuses, values that the parameter cannot take, and a solver that is
        not exact or cannot take the penalty.

    Warns
    -----
    ConvergenceWarning
        Once, if a duality gap, relative to that of the null model's loss, is above `tol`.

    See Also
    --------
    sklearn.linear_model.lasso_path : Lasso paths, on centred data.

    Notes
    -----
    The automatic grid is geometric, in q / (1 - q) for a dropout rate q. It starts

    - for `l1_lambda` at the least value at which all coefficients that bear the L1 penalty are 0
      (for unit weights and centred data `max |X'y| / n_samples`);
    - for `l2_lambda` at the sum over the penalised features of variance over penalty weight (mean
      square, without an intercept), where every part of the fit is shrunk to half or less;
    - for `dropout_rate` at 0.99; at the default `eps` it ends at 0.001.

    For n samples and p features, the path of L2 strengths or dropout rates takes one
    eigendecomposition of the smaller of the p x p and the n x n side, and each value min(n, p) p
    operations. Where there is none that all values share (some feature bears another ridge too
    and p > n, for instance) each value is a fit of its own. Lasso paths start each value from the
    one before.

    References
    ----------
    .. [1] T. Hastie, R. Tibshirani & J. Friedman (2009). The Elements of Statistical Learning,
       sections 3.4.1 and 18.3.5.
    .. [2] J. Friedman, T. Hastie & R. Tibshirani (2010). Regularization paths for generalized
       linear models via coordinate descent. Journal of Statistical Software 33.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skreg import L1Regressor, regularization_path
    >>> X, y = load_diabetes(return_X_y=True)
    >>> path = regularization_path(L1Regressor(), X, y, n_values=5)
    >>> path.values.round(2)
    array([2.15, 0.38, 0.07, 0.01, 0.  ])
    >>> path.coefs.shape
    (5, 10)
    >>> (path.coefs != 0).sum(axis=1)
    array([ 0,  4,  7,  9, 10])
    """
    model = _checked_model(estimator)
    axis = grids.AXES[model._path_parameter]
    grids.check_size(n_values, eps)
    if values is not None:
        values = grids.checked(axis, values, "values")
    X, y, weights = model._check_data(X, y, sample_weight)
    data = Family(model, Rows.from_data(X, y, weights, model.fit_intercept))
    solvers.check(model.solver, data.unit, data.view)
    if values is None:
        values = data.grid(n_values, eps)
    found = list(_certified(model, data, values))
    coefs = np.array([solution.coef for solution, _ in found])
    path = RegularizationPath(
        parameter=model._path_parameter,
        values=values,
        coefs=cast(coefs, X.dtype, "coefficients"),
        intercepts=cast(data.view.intercept(coefs), X.dtype, "intercepts"),
        dual_gaps=np.array([solution.dual_gap for solution, _ in found]),
        n_iters=np.array([solution.n_iter for solution, _ in found]),
        feature_names=getattr(model, "feature_names_in_", None),
    )
    _warn_of_the_worst(data, values, found)
    return path


def _checked_model(estimator: Any) -> BaseRegularized:
    """Return a clone of the estimator, if a path can run over it."""
    if not (isinstance(estimator, BaseRegularized) and hasattr(estimator, "_path_parameter")):
        raise TypeError(
            "estimator must be an L1Regressor, an L2Regressor or a DropoutRegressor; got "
            f"{estimator!r}."
        )
    model = clone(estimator)
    model._validate_params()
    if model.solver != "auto" and not solvers.SOLVERS[model.solver].exact:
        raise ValueError(f"solver={model.solver!r} does not support paths; use solver='auto'.")
    return model


def _certified(
    model: BaseRegularized, data: Family, values: NDArray
) -> Iterator[tuple[Solution, str]]:
    """Yield the solution at each of the values (m,), certified on the data, and who found it."""
    takes_moments = model.solver == "auto" or not solvers.SOLVERS[model.solver].rows
    if not (takes_moments and moments_suffice(data.view.shape)):
        yield from data.solutions(values)
        return
    reduced = Family(model, MomentsView.from_rows(data.view), data.view)
    found = reduced.solutions(values)
    for some in chunks(data.view, len(values)):
        batch = list(islice(found, some.stop - some.start))
        gaps = data.gaps(values[some], np.array([solution.coef for solution, _ in batch]))
        for value, (solution, name), gap in zip(values[some], batch, gaps, strict=True):
            certified = replace(solution, dual_gap=gap)
            # Without a penalty the answer is one of minimum norm, to which the gap is blind.
            if value > 0 and certified.is_within(model.tol, data.view.target_norm2):
                yield certified, name
            else:
                yield data.solve(value, solution.coef)


def _warn_of_the_worst(data: Family, values: NDArray, found: list[tuple[Solution, str]]) -> None:
    """Warn once if relative gaps are above tol, of the largest."""
    tol, target_norm2 = data.settings.tol, data.view.target_norm2
    gaps = np.array([solution.relative_gap(target_norm2) for solution, _ in found])
    if np.any(gaps > tol):
        worst = int(np.argmax(gaps))
        solution, name = found[worst]
        where = f"{np.count_nonzero(gaps > tol)} of {len(values)} values: at {values[worst]:.3g} "
        remedy = solvers.SOLVERS[name].remedy
        warn_not_converged(solution, target_norm2, tol, name, remedy, where)
