"""Held-out predictions of the networks of folds: the error they foretell, and intervals.

Of repeated folds a row has held-out residuals r, r' of two networks or more. The squared error of
an ensemble of M such networks follows from them:

    E_M = E_inf + (E_1 - E_inf) / M,    E_1 = mean of r^2,    E_inf = mean of r r'

An interval at x begins with CV+ (Barber, Candes, Ramdas & Tibshirani 2021): R_i is the held-out
absolute residual of row i, mu_i(x) the mean prediction of the networks that have not seen row i.
The ends are quantiles over i of mu_i(x) - R_i and of mu_i(x) + R_i. They are for the few networks
that have not seen a row, one per round of folds; the prediction is the mean of all K, whose error
is smaller. The ends are therefore drawn towards it by sqrt(E_K / mean of R_i^2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BISECTIONS = 60  # halvings of the range that holds an end; float64 has 53 bits


@dataclass(frozen=True)
class HeldOut:
    """Targets Y (n, k), weights s (n,), and what networks (K,) predict (K, n, k) for `unseen` rows.

    `unseen` (K, n) says which rows a network was not trained on; its others are predicted as 0.
    """

    Y: NDArray
    s: NDArray
    unseen: NDArray
    predictions: NDArray

    @property
    def mean(self) -> NDArray:
        """Return the mean prediction (n, k), NaN for rows that every network was trained on."""
        with np.errstate(invalid="ignore"):
            return self.predictions.sum(axis=0) / self.unseen.sum(axis=0)[:, None]

    def squared_errors(self) -> NDArray:
        """Return the mean squared error (k,) of the ensemble of the K networks."""
        residuals = (self.predictions - self.Y) * self.unseen[:, :, None]
        squares, count = np.square(residuals).sum(axis=0), self.unseen.sum(axis=0)
        several, some = count > 1, count > 0
        one = np.average(squares[some] / count[some, None], axis=0, weights=self.s[some])
        if not np.any(self.s[several]):
            return one
        products = np.square(residuals.sum(axis=0)) - squares
        pairs = (count * (count - 1.0))[several, None]
        many = np.average(products[several] / pairs, axis=0, weights=self.s[several])
        return many + (one - many) / len(self.unseen)

    def relative_error(self) -> float:
        """Return the squared error over the variance of Y, the sum over targets."""
        variance = np.average(np.square(self.Y - self.s @ self.Y / self.s.sum()), 0, self.s)
        return float(np.sum(self.squared_errors() / np.where(variance > 0, variance, 1.0)))

    def log_loss(self) -> float:
        """Return the cross-entropy of the mean probabilities; `Y` is one-hot."""
        some = self.unseen.any(axis=0)
        likelihood = np.sum(self.Y[some] * self.mean[some], axis=1)
        losses = -np.log(np.maximum(likelihood, np.finfo(float).eps))
        return float(np.average(losses, weights=self.s[some]))

    def intervals(self, members: NDArray, coverage: float) -> NDArray:
        """Return lower and upper ends (m, 2, k) at predictions (K, m, k) of the networks."""
        mean, errors = members.mean(axis=0), self.squared_errors()
        some = self.unseen.any(axis=0) & (self.s > 0)
        patterns, group = np.unique(self.unseen.T[some], axis=0, return_inverse=True)
        weights = self.s[some] * (np.count_nonzero(some) / self.s[some].sum())
        ends = np.empty((len(mean), 2, len(errors)))
        for j, error in enumerate(errors):
            sizes = np.abs(self.Y - self.mean)[some, j]
            centres = patterns @ members[:, :, j] / patterns.sum(axis=1)[:, None]
            size2 = np.average(sizes**2, weights=weights)
            shrunk = min(1.0, np.sqrt(error / size2)) if size2 else 1.0
            for side, sign in enumerate((-1.0, 1.0)):
                end = sign * _quantile(sign * centres, group, sizes, weights, coverage)
                ends[:, side, j] = mean[:, j] + shrunk * (end - mean[:, j])
        return ends


def _quantile(
    centres: NDArray, group: NDArray, sizes: NDArray, weights: NDArray, coverage: float
) -> NDArray:
    """Return quantiles (m,) over rows i (n,) of centres[group[i]] (m,) + sizes[i]."""
    needed = coverage * (len(sizes) + 1) * (1 - 1e-12)
    if needed > len(sizes):
        return np.full(centres.shape[1], np.inf)
    tables = []  # of each group: its centres, its sizes in order, and the weight up to each
    for g, centre in enumerate(centres):
        mine = np.flatnonzero(group == g)
        mine = mine[np.argsort(sizes[mine])]
        tables.append((centre, sizes[mine], np.append(0.0, np.cumsum(weights[mine]))))
    low, high = centres.min(axis=0) - 1.0, centres.max(axis=0) + sizes.max()
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        rank = sum(ranks[np.searchsorted(r, middle - c, side="right")] for c, r, ranks in tables)
        high, low = np.where(rank >= needed, [middle, low], [high, middle])
    return high
