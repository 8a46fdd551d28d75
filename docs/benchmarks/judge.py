"""The judge: how far a fit is from the lasso's optimum, from X, y and the coefficients alone.

It shares no code with any solver and works in float64 for all alike. With the residual
r = y - X w - b, its mean m and r_c = r - m, the point theta = s r_c is feasible for the dual if
|X_c' theta|_inf <= n lam; the largest such s <= 1 is taken. Then

    gap = m^2 / 2 + (1 - s)^2 |r_c|^2 / (2n) + sum_j (lam |w_j| - s w_j x_j' r_c / n)

is primal minus dual, written as a sum of terms that are nonnegative: nothing cancels. It is
reported relative to the null model's loss, |y - mean y|^2 / (2n).
"""

import numpy as np


def lambda_max(X, y):
    """Return the smallest strength at which all coefficients are zero."""
    return float(np.max(np.abs(_correlations(X, y - np.mean(y)))))


def relative_gap(X, y, coef, intercept, lam):
    """Return the duality gap of (coef, intercept) over the null model's loss."""
    y, w = np.asarray(y, np.float64), np.asarray(coef, np.float64)
    support = np.flatnonzero(w)
    residual = y - X[:, support].astype(np.float64) @ w[support] - float(intercept)
    mean = residual.mean()
    residual -= mean
    correlations = _correlations(X, residual)
    scale = min(1.0, lam / np.max(np.abs(correlations), initial=np.finfo(float).tiny))
    n = len(y)
    gap = 0.5 * mean**2 + (1 - scale) ** 2 * (residual @ residual) / (2 * n)
    gap += np.sum(lam * np.abs(w[support]) - scale * w[support] * correlations[support])
    gap /= np.sum((y - y.mean()) ** 2) / (2 * n)
    return float(gap) if np.isfinite(gap) else np.inf


def _correlations(X, residual):
    """Return X' residual / n for a centred residual, in float64."""
    residual = np.asarray(residual, np.float64)
    return (X.astype(np.float64, copy=False).T @ residual) / len(residual)
