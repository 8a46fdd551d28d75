"""From what a grid of strengths scored to the chosen one.

The values run from the most regularised down, so that of equals the first is taken. For the mean
loss cv_k over K folds and its standard error se_k = sqrt(mean_f (loss_fk - cv_k)^2 / (K - 1)),

    min    the least cv_k
    1se    the first value with cv_k <= (cv + se) of that one (Breiman et al., 1984; glmnet).

Without folds, a criterion weighs the fit against its degrees of freedom df: for the weighted sum of
squared residuals RSS of n rows (with weights of mean 1) and the noise variance sigma2,

    aic    n log(2 pi sigma2) + RSS / sigma2 + 2 df           (Akaike, 1973)
    bic    n log(2 pi sigma2) + RSS / sigma2 + log(n) df      (Schwarz, 1978)
    gcv    (RSS / n) / (1 - df / n)^2                         (Golub, Heath & Wahba, 1979)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

AS_GOOD_AS_NONE = 1e-4  # of the largest loss on a grid
FLAT = 0.01  # of a loss without a standard error: smaller differences are none


def fold_statistics(losses: NDArray) -> tuple[NDArray, NDArray]:
    """Return the mean (m,) of losses (m, K) and its standard error (m,), NaN for a single fold."""
    n_folds = losses.shape[-1]
    mean = losses.mean(axis=-1)
    if n_folds == 1:
        return mean, np.full_like(mean, np.nan)
    return mean, np.sqrt(np.square(losses - mean[:, None]).mean(axis=-1) / (n_folds - 1))


def minimum(loss: NDArray, se: NDArray) -> int:
    """Return the index of the least loss (m,), the first of equals; not finite is the worst."""
    finite = np.isfinite(loss)
    if not finite.any():
        raise ValueError("The scores of all values are NaN or infinite: none can be chosen.")
    return int(np.argmin(np.where(finite, loss, np.inf)))


def within_one_se(loss: NDArray, se: NDArray) -> int:
    """Return the first index whose loss (m,) is within the standard error (m,) of the least."""
    best = minimum(loss, se)
    return int(np.argmax(loss <= loss[best] + se[best]))


SELECTIONS: dict[str, Callable[[NDArray, NDArray], int]] = {"min": minimum, "1se": within_one_se}
"""How to choose by a loss and its standard error, by the names of `selection`."""


def is_better(
    loss: NDArray,
    se: NDArray | None,
    index: int,
    others: NDArray,
    margin: float | None = None,
) -> bool:
    """Return whether one of the losses `others` (k,) is less than loss[index] by a margin.

    The margin None is the standard error, or a share of the loss if it has none; a loss that is
    next to none beside the largest (m,) then leaves nothing to be won.
    """
    chosen, finite = loss[index], loss[np.isfinite(loss)]
    if margin is None:
        if 0 <= chosen <= AS_GOOD_AS_NONE * np.max(finite):
            return False
        margin = FLAT * abs(chosen) if se is None or np.isnan(se[index]) else se[index]
    return bool(np.any(others < chosen - margin))


def _information(rss: NDArray, df: NDArray, n: float, noise: NDArray, price: float) -> NDArray:
    """Return -2 log likelihood + price * df (...) of a Gaussian model of known noise variance."""
    noise = np.maximum(noise, np.finfo(float).tiny)  # a constant target has no noise, and no RSS
    with np.errstate(over="ignore"):
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
