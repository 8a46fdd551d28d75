"""Choosing without folds: criteria of the fit to all data and of its degrees of freedom.

The degrees of freedom of a linear fit are the trace of its hat matrix. Those of the lasso are the
number of its nonzero coefficients, those of the elastic net the trace of the hat matrix of its
ridge on the nonzeros (Zou, Hastie & Tibshirani, 2007). The formulas are in `choosing.py`; n is the
number of rows of positive weight, so that only the ratios of the weights matter.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .._objective import Penalty
from ..problem.design import EPS, RowDesign
from ..solvers import certified
from . import choosing
from .folds import DIGITS
from .leave_one_out import degrees_of_freedom
from .path_problem import PathProblem
from .scores import CHUNK_BYTES, Scores

AS_LIKELY = 2.0  # of AIC and BIC: models within 2 of the best have as much support

INFORMATION = {"aic": choosing.aic, "bic": choosing.bic}
"""The information criteria by their names."""


def by_information(
    name: str,
    noise: float | None,
    path: PathProblem,
    design: RowDesign,
    values: NDArray,
    coefs: NDArray,
) -> Scores:
    """Score the coefs (m, ..., p) of lassos at the values (m,) by the criterion `name`.

    `noise` is the variance of the noise; None estimates it from the residuals of least squares.
    """
    n = design.shape[0]
    variance = _noise_variance(path, design) if noise is None else np.asarray(noise, dtype=float)
    rss = n * _residual_norms2(path, design, coefs)
    criterion = INFORMATION[name](rss, _lasso_degrees(path, values, coefs), n, variance)
    scores = _scores(criterion)
    attributes = {**scores.attributes, "noise_variance_": variance[()]}
    return replace(scores, attributes=attributes, margin=AS_LIKELY)


def by_gcv(path: PathProblem, design: RowDesign, values: NDArray) -> Scores:
    """Score the fits of ridges at the values (m,) by generalised cross-validation."""
    n, ts = design.shape[0], path.parameter.strength(values)
    step = max(1, CHUNK_BYTES // (8 * int(np.prod(design.coef_shape))))
    norms2 = []
    for k in range(0, len(ts), step):
        coefs = path.trace(values[k : k + step], lambda: path.posed_on(design)).coefs
        norms2.append(_residual_norms2(path, design, coefs))
    rss = n * np.concatenate(norms2)
    degrees = degrees_of_freedom(design, path.ridge_path, ts, path.spectrum) + design.fit_intercept
    criterion = choosing.gcv(rss, degrees.reshape(-1, *(1,) * (rss.ndim - 1)), n)
    return _scores(criterion)


def _residual_norms2(path: PathProblem, design: RowDesign, coefs: NDArray) -> NDArray:
    """Return |b - A w|^2 (m, ...) of coefs (m, ..., p), on the rows where moments lose digits."""
    norms2 = np.array(path.problem.evaluate(coefs)[1])
    few = norms2 <= DIGITS * path.problem.target_norm2
    lost = np.flatnonzero(few.reshape(len(few), -1).any(axis=1))
    if len(lost) and not path.problem.has_rows:
        norms2[lost] = design.evaluate(coefs[lost])[1]
    return norms2


def _scores(criterion: NDArray) -> Scores:
    """Return the scores of a criterion (m, ...), averaged over targets."""
    loss = criterion.reshape(len(criterion), -1).mean(axis=1)
    by_target = (criterion, None) if criterion.ndim > 1 else None
    return Scores(loss, None, {"criterion_path_": loss}, by_target)


def _noise_variance(path: PathProblem, design: RowDesign) -> NDArray:
    """Return the variances (...) of the residuals of least squares."""
    excluded, n = path.unit.excluded, design.shape[0]
    fitted = np.count_nonzero(~excluded) + design.fit_intercept
    if n <= fitted:
        raise ValueError(
            "The criterion is used in the case where the number of samples is smaller than the "
            "number of features. In this setting, getting a good estimate for the variance of the "
            "noise is not possible. Provide an estimate of it by the parameter noise_variance."
        )
    limit = np.where(excluded, np.inf, 0.0)
    plain = Penalty(limit, np.zeros_like(limit), path.unit.positive)
    least = certified.solve(design, plain, "auto", None, path.settings).coef
    return n * design.evaluate(least)[1] / (n - fitted)


def _lasso_degrees(path: PathProblem, values: NDArray, coefs: NDArray) -> NDArray:
    """Return the degrees of freedom (m, ...) of coefs (m, ..., p) at the values (m,)."""
    degrees = np.count_nonzero(coefs, axis=-1).astype(float)
    ridge = path.penalty(values).ridge
    if ridge.any():
        for k in np.ndindex(degrees.shape):
            active = np.flatnonzero(coefs[k])
            degrees[k] = _hat_trace(path.problem.gram(active), ridge[k[0], active])
    return degrees


def _hat_trace(gram: NDArray, ridge: NDArray) -> float:
    """Return the trace of (G + diag(ridge))^-1 G for a Gram matrix G (k, k) and ridge (k,)."""
    if not len(gram):
        return 0.0
    eigenvalues, Q = np.linalg.eigh(gram + np.diag(ridge))
    significant = eigenvalues > len(gram) * EPS * eigenvalues[-1]
    return float(np.sum(np.einsum("ij,ij->j", Q, gram @ Q)[significant] / eigenvalues[significant]))
