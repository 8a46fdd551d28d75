"""Held-out predictions of the networks of folds: the error they foretell, and intervals.

Of repeated folds a row has held-out residuals r, r' of two networks or more. The squared error of
an ensemble of M such networks follows from them:

    E_M = E_inf + (E_1 - E_inf) / M,    E_1 = mean of r^2,    E_inf = mean of r r'

An interval at x is CV+ (Barber, Candes, Ramdas & Tibshirani 2021): R_i is the held-out absolute
residual of row i, mu_i(x) the mean prediction of the networks that have not seen row i. The ends
are quantiles over i of mu_i(x) - R_i and of mu_i(x) + R_i.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BISECTIONS = 60  # halvings of the range that holds an end; float64 has 53 digits


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

    def log_loss(self) -> float:
        """Return the cross-entropy of the mean probabilities; `Y` is one-hot."""
        some = self.unseen.any(axis=0)
        likelihood = np.einsum("nk,nk->n", self.mean[some], self.Y[some])
        tiny = np.finfo(np.float64).tiny
        return float(np.average(-np.log(np.maximum(likelihood, tiny)), weights=self.s[some]))


class Intervals:
    """What CV+ needs to know of the rows, for one target."""

    def __init__(self, held: HeldOut, target: int) -> None:
        some = held.unseen.any(axis=0) & (held.s > 0)
        self.patterns, of_row = np.unique(held.unseen.T[some], axis=0, return_inverse=True)
        size = np.abs(held.Y - held.mean)[some, target]
        self.total, weights = len(size), held.s[some] * (len(size) / held.s[some].sum())
        self.residuals, self.ranks = [], []
        for g in range(len(self.patterns)):
            mine = np.flatnonzero(of_row == g)
            mine = mine[np.argsort(size[mine])]
            self.residuals.append(size[mine])
            self.ranks.append(np.concatenate([[0.0], np.cumsum(weights[mine])]))

    def ends(self, members: NDArray, coverage: float) -> NDArray:
        """Return lower and upper ends (m, 2) of predictions (K, m) of the members."""
        centres = self.patterns @ members / self.patterns.sum(axis=1)[:, None]
        return np.stack([-self._quantile(-centres, coverage), self._quantile(centres, coverage)], 1)

    def _quantile(self, centres: NDArray, coverage: float) -> NDArray:
        """Return the quantile (m,) over the rows of centre + residual; `centres` are (g, m)."""
        needed = coverage * (self.total + 1) * (1 - 1e-12)
        if needed > self.total:
            return np.full(centres.shape[1], np.inf)
        low = centres.min(axis=0) - 1.0
        high = centres.max(axis=0) + max(r[-1] for r in self.residuals)
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            rank = sum(
                ranks[np.searchsorted(residuals, middle - centre, side="right")]
                for residuals, ranks, centre in zip(
                    self.residuals, self.ranks, centres, strict=True
                )
            )
            is_enough = rank >= needed
            high, low = np.where(is_enough, middle, high), np.where(is_enough, low, middle)
        return high
