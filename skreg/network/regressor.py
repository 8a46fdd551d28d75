"""`NetworkRegressor`: a network for squared loss."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from .cv import NetworkCV
from .ensemble import Ensemble
from .held_out import HeldOut, Intervals


class SquaredLoss(MultiOutputMixin, RegressorMixin):
    """Targets as numbers."""

    _loss = "squared"

    def _targets(self, y: NDArray, weights: NDArray, reset: bool) -> tuple[NDArray, NDArray]:
        y = y.astype("float64")
        if reset:
            self._target_shape = y.shape[1:]
        elif y.shape[1:] != self._target_shape:
            raise ValueError(f"y has shape {y.shape}; expected {(len(y), *self._target_shape)}.")
        return y.reshape(len(y), -1), weights

    def predict(self, X: Any) -> NDArray:
        """Predict the targets: the mean over the members.

        Parameters
        ----------
        X : {array-like, sparse matrix or array} of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            The predictions.
        """
        return self._shaped(self._member_predictions(X).mean(axis=0))

    def _predicted(self, z: NDArray) -> NDArray:
        return z

    def _shaped(self, Y: NDArray) -> NDArray:
        return Y.reshape(len(Y), *self._target_shape)


class NetworkRegressor(SquaredLoss, Ensemble):
    """x"""


class NetworkRegressorCV(SquaredLoss, NetworkCV):
    """x"""

    def predict(self, X, return_std=False):
        members = self._member_predictions(X)
        mean = self._shaped(members.mean(axis=0))
        if not return_std:
            return mean
        variance = members.var(axis=0) + self._held.squared_errors()
        return mean, self._shaped(np.sqrt(variance))

    def predict_interval(self, X, coverage=0.9):
        members = self._member_predictions(X)
        ends = [
            Intervals(self._held, j).ends(members[:, :, j], coverage)
            for j in range(members.shape[2])
        ]
        return np.stack(ends, axis=2).reshape(len(ends[0]), 2, *self._target_shape)

    def _held_out_error(self, held: HeldOut) -> float:
        variance = np.average(np.square(held.Y - np.average(held.Y, axis=0, weights=held.s)), axis=0, weights=held.s)
        return float(np.sum(held.squared_errors() / np.where(variance > 0, variance, 1.0)))
