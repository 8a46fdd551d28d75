"""From what a grid of strengths scored to the chosen one.

The values run from the most regularised down, so that of equals the first is taken. For the mean
loss cv_k over K folds and its standard error se_k = sqrt(mean_f (loss_fk - cv_k)^2 / (K - 1)),

    min    the least cv_k
    1se    the first value with cv_k <= (cv + se) of that one (Breiman et al., 1984; glmnet).

Without folds, a criterion weighs the fit against its degrees of freedom df: for the weighted sum of
squared residuals RSS of n rows (the sum of their weights) and the noise variance sigma2,

    aic    n log(2 pi sigma2) + RSS / sigma2 + 2 df           (Akaike, 1973)
    bic    n log(2 pi sigma2) + RSS / sigma2 + log(n) df      (Schwarz, 1978)
    gcv    (RSS / n) / (1 - df / n)^2                         (Golub, Heath & Wahba, 1979)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


def fold_statistics(losses: NDArray, shares: NDArray | None = None) -> tuple[NDArray, NDArray]:
    """Return the mean (m,) of losses (m, K) and its standard error (m,), NaN for a single fold.

    `shares` (K,) are the weights of the folds, of sum 1; None: all alike.
    """
    n_folds = losses.shape[-1]
    shares = np.full(n_folds, 1.0 / n_folds) if shares is None else shares
    mean = losses @ shares
    if n_folds == 1:
        return mean, np.full_like(mean, np.nan)
    return mean, np.sqrt(np.square(losses - mean[:, None]) @ shares / (n_folds - 1))


def minimum(loss: NDArray, se: NDArray | None = None) -> int:
    """Return the index of the least loss (m,), the first of equals; NaN counts as the worst."""
    if np.all(np.isnan(loss)):
        raise ValueError("The scores of all values are NaN: none can be chosen.")
    return int(np.nanargmin(loss))


def within_one_se(loss: NDArray, se: NDArray) -> int:
    """Return the first index whose loss (m,) is within the standard error (m,) of the least."""
    best = minimum(loss)
    return int(np.argmax(loss <= loss[best] + se[best]))


SELECTIONS: dict[str, Callable[[NDArray, NDArray], int]] = {"min": minimum, "1se": within_one_se}
"""How to choose by a loss and its standard error, by the names of `selection`."""


def _information(rss: NDArray, df: NDArray, n: float, noise: NDArray, price: float) -> NDArray:
    """Return -2 log likelihood + price * df (...) of a Gaussian model of known noise variance."""
    return n * np.log(2.0 * np.pi * noise) + rss / noise + price * df


def aic(rss: NDArray, df: NDArray, n: float, noise: NDArray) -> NDArray:
    """Return Akaike's information criterion (...)."""
    return _information(rss, df, n, noise, 2.0)


def bic(rss: NDArray, df: NDArray, n: float, noise: NDArray) -> NDArray:
    """Return Schwarz's Bayesian information criterion (...)."""
    return _information(rss, df, n, noise, np.log(n))


def gcv(rss: NDArray, df: NDArray, n: float) -> NDArray:
    """Return generalised cross-validation (...), infinite where no degree of freedom is left."""
    left = np.maximum(1.0 - df / n, 0.0) * np.ones_like(rss)
    return np.divide(rss / n, left * left, where=left > 0, out=np.full_like(rss, np.inf))
