"""`regularization_path`: the coefficients at every strength, each certified on the data.

A path goes down from the most regularised value, see `grids.py` for where it starts and
`path_problem.py` for how it goes on. On tables it is solved on the moments of the data, where a
value costs p^2; what comes out is certified on the data, and solved again there where the moments
were not accurate enough.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._solution import warn_not_converged
from ..linear.base import BaseRegularized, cast
from ..problem.design import RowDesign
from ..problem.validation import as_floats
from ..solvers import table
from ..solvers.piecewise import Path
from . import grids
from .folds import reduced
from .path_problem import PathProblem, PathSolution


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
        The certificates, in units of the objective: bounds on how far it is above its minimum,
        evaluated in float64. On a table, the bound of a lasso is taken from the moments of the
        rows, and allows for their rounding, as long as it is within `tol`; otherwise, and for all
        others, it is evaluated on the rows.
    n_iters : ndarray of shape (m,)
        Steps taken to each value: kinks of an exact path, or those of the solver.
    feature_names : ndarray of shape (n_features,) or None
        The names of the features, if X had string column names.
    knots : ndarray of shape (n_knots,), list of them, or None
        The kinks of an exact lasso path: the values of `l1_lambda` at which a feature enters or
        leaves, descending from the first to the last of `values`; between them every coefficient is
        linear. With several targets a list, one per target. None where the path is no lasso (an
        `L2Regressor`, dropout), where both rows and features are more than 1000 (it went by the
        working set), and with `solver` other than "auto".
    entered : ndarray of shape (n_knots,), list of them, or None
        For each kink the feature j that enters there, or -j - 1 if it leaves.

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
    knots: Any = None
    entered: Any = None
    _source: _Source | None = field(default=None, init=False, repr=False, compare=False)

    def at(self, values):
        """Return the path at other values of the parameter, with their certificates.

        Between the kinks of an exact lasso path they are interpolated, and exact; elsewhere they
        are solved for. With more columns than rows the path refers to X, which must not have been
        changed in place.

        Parameters
        ----------
        values : float or array-like of shape (m,)
            The values; they are sorted, and repeated ones are taken once.

        Returns
        -------
        path : RegularizationPath
            What `regularization_path` returns for these values.

        Raises
        ------
        ValueError
            For values that the parameter cannot take, and for a path that was made by hand.

        Warns
        -----
        ConvergenceWarning
            As `regularization_path`.
        """
        if self._source is None:
            raise ValueError("Only a path that regularization_path has returned knows its problem.")
        values = np.atleast_1d(as_floats(values, "values", ensure_min_samples=0))
        return self._source.path(self._source.problem.parameter.checked(values, "values"))


@dataclass(frozen=True)
class _Source:
    """The problem that a path solves, on what it is solved on and on the rows."""

    model: BaseRegularized
    problem: PathProblem
    on_rows: PathProblem
    dtype: Any

    def path(self, values: NDArray) -> RegularizationPath:
        """Return the path at the values (m,), descending."""
        found = self._certified(values)
        problem = self.on_rows.problem
        knots, entered = self._kinks(values)
        path = RegularizationPath(
            parameter=self.model._path_parameter,
            values=values,
            coefs=cast(found.coefs, self.dtype, "coefficients"),
            intercepts=cast(problem.intercept(found.coefs), self.dtype, "intercepts"),
            dual_gaps=found.dual_gaps,
            n_iters=found.n_iters,
            feature_names=getattr(self.model, "feature_names_in_", None),
            knots=knots,
            entered=entered,
        )
        object.__setattr__(path, "_source", self)  # the path is frozen for its users
        _warn_of_the_worst(self.on_rows, values, found)
        return path

    def _certified(self, values: NDArray) -> PathSolution:
        """Return the solutions at the values (m,), certified on the rows."""
        rows = self.on_rows
        found = self.problem.trace(values, lambda: rows)
        if self.problem.problem is rows.problem:
            return found
        rest = np.flatnonzero(~found.alone)
        gaps = found.dual_gaps
        gaps[rest] = self.problem.gaps_on(rows, values[rest], found.coefs[rest])
        within = gaps <= self.model.tol * 0.5 * rows.problem.target_norm2
        failed = rest[~within[rest].all(axis=tuple(range(1, within.ndim)))]
        if len(failed):
            again = rows.trace(values[failed])
            found.coefs[failed], gaps[failed] = again.coefs, again.dual_gaps
            found.n_iters[failed] = again.n_iters
            for k, name in zip(failed, again.solvers, strict=True):
                found.solvers[k] = name
        return found

    def _kinks(self, values: NDArray) -> tuple[Any, Any]:
        """Return the kinks and what happens there, a list of them per target, None without."""
        paths = self.on_rows.paths or self.problem.paths
        if paths is None:
            return None, None
        kinks = [_kinks(target, values, self.problem.problem.n_features) for target in paths]
        if len(self.on_rows.problem.coef_shape) == 1:
            return kinks[0]
        knots, entered = (list(part) for part in zip(*kinks, strict=True))
        return knots, entered


def _kinks(path: Path, values: NDArray, n_features: int) -> tuple[NDArray, NDArray]:
    """Return the kinks (k,) between the first and the last value, and what happens there (k,)."""
    between = (path.knots >= values[-1]) & (path.knots <= values[0] * (1.0 + 1e-12))
    inside = (path.features < n_features) & between
    return path.knots[inside], path.features[inside]


def regularization_path(
    estimator: Any,
    X: Any,
    y: Any,
    values: Any = None,
    n_values: int = 100,
    eps: float | None = None,
    sample_weight: Any = None,
) -> RegularizationPath:
    """Return the coefficients of an estimator at many strengths, each certified on the data.

    The strength that varies is `l1_lambda` of an `L1Regressor`, `l2_lambda` of an `L2Regressor`, or
    `dropout_rate` of a `DropoutRegressor`; whatever else the estimator is set to stays. The
    coefficients at each value are those that `fit` finds there.

    Parameters
    ----------
    estimator : L1Regressor, L2Regressor or DropoutRegressor
        What to fit. It is not changed. Its `solver` must be an exact one. Its own strength,
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
    and p > n, for instance) each value is a fit of its own. A lasso path is piecewise linear. With
    at most 1000 columns, or at most 1000 rows, it is followed from kink to kink ([3]_), and the
    values are interpolated between. Larger lasso paths start each value from the one before.

    References
    ----------
    .. [1] T. Hastie, R. Tibshirani & J. Friedman (2009). The Elements of Statistical Learning,
       sections 3.4.1 and 18.3.5.
    .. [2] J. Friedman, T. Hastie & R. Tibshirani (2010). Regularization paths for generalized
       linear models via coordinate descent. Journal of Statistical Software 33.
    .. [3] M. R. Osborne, B. Presnell & B. A. Turlach (2000). A new approach to variable selection
       in least squares problems. IMA Journal of Numerical Analysis 20.

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
    >>> path.knots[:3].round(2), path.entered[:3]
    (array([2.15, 2.01, 1.02]), array([2, 8, 3]))
    >>> bool(path.at(1.0).dual_gaps[0] < 1e-9)
    True
    """
    model = _checked_model(estimator)
    parameter = grids.PARAMETERS[model._path_parameter]
    grids.check_size(n_values, eps)
    if values is not None:
        values = parameter.checked(values, "values")
    X, y, weights = model._check_data(X, y, sample_weight)
    design = RowDesign.from_data(X, y, weights, model.fit_intercept)
    takes_moments = model.solver == "auto" or not table.SOLVERS[model.solver].rows
    problem = PathProblem(model, reduced(design) if takes_moments else design)
    rows = problem.posed_on(design)
    if model.solver != "auto":
        table.check(model.solver, design, rows.unit)
    if values is None:
        values = parameter.grid(design, rows.unit, n_values, eps)
    return _Source(model, problem, rows, X.dtype).path(values)


def _checked_model(estimator: Any) -> BaseRegularized:
    """Return a copy of the estimator, if a path can run over it."""
    if not (isinstance(estimator, BaseRegularized) and hasattr(estimator, "_path_parameter")):
        raise TypeError(
            "estimator must be an L1Regressor, an L2Regressor or a DropoutRegressor; got "
            f"{estimator!r}."
        )
    model = copy(estimator)
    model._validate_params()
    if model.solver != "auto" and not table.SOLVERS[model.solver].exact:
        raise ValueError(f"solver={model.solver!r} does not support paths; use solver='auto'.")
    return model


def _warn_of_the_worst(problem: PathProblem, values: NDArray, found: PathSolution) -> None:
    """Warn once if relative gaps are above tol, of the largest."""
    tol, target_norm2 = problem.settings.tol, problem.problem.target_norm2
    if found.relative_gap(target_norm2) <= tol:
        return
    gaps = np.array([found[k].relative_gap(target_norm2) for k in range(len(values))])
    worst = int(np.argmax(gaps))
    where = f"{np.count_nonzero(gaps > tol)} of {len(values)} values: at {values[worst]:.3g} "
    remedy = table.remedy(found.solvers[worst], problem.problem)
    warn_not_converged(found[worst], target_norm2, tol, remedy, where)
