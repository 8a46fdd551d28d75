"""Choosing without folds: criteria of the fit to all data and of its degrees of freedom.

The degrees of freedom of a linear fit are the trace of its hat matrix. Those of the lasso are the
number of its nonzero coefficients, those of the elastic net the trace of the hat matrix of its
ridge on the nonzeros (Zou, Hastie & Tibshirani, 2007). The formulas are in `choosing.py`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .. import solvers
from .._linalg import EPS
from .._objective import Penalty
from ..problem.rows import Rows
from ..solvers.elimination import Elimination
from ..solvers.spectral import Spectrum
from . import choosing
from .family import Family
from .folds import CHUNK_BYTES, Data
from .loo import factorisations
from .scores import Scores

INFORMATION = {"aic": choosing.aic, "bic": choosing.bic}
"""The information criteria by their names."""


def by_information(
    name: str,
    noise: float | None,
    family: Family,
    data: Data,
    rows: Rows,
    values: NDArray,
    coefs: NDArray,
) -> Scores:
    """Score the coefs (m, ..., p) of lassos at the values (m,) by the criterion `name`.

    `noise` is the variance of the noise; None: from the residuals of least squares.
    """
    noise = _noise_variance(family, data, rows) if noise is None else np.float64(noise)
    rss = residual_squares(data, rows, coefs)
    degrees = _lasso_degrees(family, values, coefs)
    scores = _scores(INFORMATION[name](rss, degrees, data.total, noise))
    return replace(scores, attributes={**scores.attributes, "noise_variance_": noise[()]})


def by_gcv(family: Family, data: Data, rows: Rows, values: NDArray, coefs: NDArray) -> Scores:
    """Score the coefs (m, ..., p) of ridges at the values (m,) by generalised cross-validation."""
    rss = residual_squares(data, rows, coefs)
    degrees = _ridge_degrees(family, rows, values) + rows.fit_intercept
    degrees = degrees.reshape(-1, *(1,) * (rss.ndim - 1))
    return _scores(choosing.gcv(rss, degrees, data.total))


def _scores(criterion: NDArray) -> Scores:
    """Return the scores of a criterion (m, ...), averaged over targets."""
    loss = criterion.reshape(len(criterion), -1).mean(axis=1)
    return Scores(loss, None, {"criterion_path_": loss})


def _noise_variance(family: Family, data: Data, rows: Rows) -> NDArray:
    """Return the variances (...) of the residuals of least squares."""
    penalty, constant = family.penalty(0.0), rows.constant() & rows.fit_intercept
    nothing = np.where(penalty.excluded & ~constant, np.inf, 0.0)
    fitted = np.count_nonzero(nothing == 0) + rows.fit_intercept
    if data.total <= fitted:
        raise ValueError(
            "The criterion is used in the case where the number of samples is smaller than the "
            "number of features. In this setting, getting a good estimate for the variance of the "
            "noise is not possible. Provide an estimate of it by the parameter noise_variance."
        )
    plain = Penalty(nothing, nothing, penalty.positive).exclude(constant)
    least = solvers.minimise(rows, plain, "auto", None, family.settings)[0].coef
    return data.total * rows.residual_norm2(least) / (data.total - fitted)


def residual_squares(data: Data, rows: Rows, coefs: NDArray) -> NDArray:
    """Return the weighted sums of squared residuals (m, ...) of coefs (m, ..., p)."""
    step = max(1, CHUNK_BYTES // data.size_of(data.y))
    starts = range(0, len(coefs), step)
    residuals = (rows.target - rows.product(coefs[k : k + step]) for k in starts)
    return data.total * np.concatenate([np.sum(r * r, axis=-1) for r in residuals])


def _lasso_degrees(family: Family, values: NDArray, coefs: NDArray) -> NDArray:
    """Return the degrees of freedom (m, ...) of coefs (m, ..., p) at the values (m,)."""
    degrees = np.count_nonzero(coefs, axis=-1).astype(float)
    ridges = [family.penalty(value).ridge for value in values]
    for k in np.ndindex(degrees.shape):
        active = np.flatnonzero(coefs[k])
        ridge = ridges[k[0]][active]
        if ridge.any():
            degrees[k] = _hat_trace(family.view.block(active), ridge)
    return degrees


def _hat_trace(gram: NDArray, ridge: NDArray) -> float:
    """Return the trace of (G + diag(ridge))^-1 G for a Gram matrix G (k, k) and ridge (k,)."""
    eigenvalues, Q = np.linalg.eigh(gram + np.diag(ridge))
    kept = eigenvalues > len(gram) * EPS * eigenvalues[-1]
    return float(np.sum(np.einsum("ij,ij->j", Q, gram @ Q)[kept] / eigenvalues[kept]))


def _ridge_degrees(family: Family, rows: Rows, values: NDArray) -> NDArray:
    """Return the degrees of freedom (m,) at the values (m,), the intercept not counted."""
    degrees = np.empty(len(values))
    for ks, factors, ts in factorisations(family, rows, values):
        degrees[ks] = _trace(factors, ts)
    return degrees


def _trace(factors: Spectrum | Elimination, ts: NDArray) -> NDArray:
    """Return the trace (m,) of the hat matrix at strengths (m,), or that of least squares."""
    if isinstance(factors, Elimination):
        return np.full(len(ts), float(factors.rank))
    return factors.degrees_of_freedom(ts)
