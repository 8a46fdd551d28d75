"""`NetworkRegressor` and `NetworkRegressorCV`: networks for squared loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import MultiOutputMixin, RegressorMixin, _fit_context
from sklearn.utils.metaestimators import available_if

from .cv import NetworkCV
from .ensemble import Ensemble, learns_from_batches
from .held_out import HeldOut, Intervals


class SquaredLoss(MultiOutputMixin, RegressorMixin):
    """Targets that are numbers."""

    _loss = "squared"

    def predict(self, X):
        """Predict the targets.

        Parameters
        ----------
        X : {array-like, sparse matrix or array} of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            The mean of the networks' predictions.
        """
        return self._shaped(self._member_predictions(X).mean(axis=0))

    def _targets(
        self, y: NDArray, weights: NDArray, reset: bool, classes: Any
    ) -> tuple[NDArray, NDArray]:
        if reset:
            self._target_shape = y.shape[1:]
        elif y.shape[1:] != self._target_shape:
            raise ValueError(f"y has shape {y.shape}; expected {(len(y), *self._target_shape)}.")
        return y.reshape(len(y), -1).astype(np.float64), weights

    def _predicted(self, z: NDArray) -> NDArray:
        return z

    def _shaped(self, values: NDArray) -> NDArray:
        """Return values (..., k) in the shape of y."""
        return values.reshape(*values.shape[:-1], *self._target_shape)


@dataclass(repr=False, eq=False)
class NetworkRegressor(SquaredLoss, Ensemble):
    """Networks for squared loss, under L1, L2 and dropout of neurons."""

    @available_if(learns_from_batches)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Go on training, by one pass of Adam over a batch of rows.

        The step is constant, and the last layer is not solved exactly, which would take all rows.
        The first batch sets the scale of inputs and targets: it should be typical.

        Parameters
        ----------
        X : {array-like, sparse matrix or array} of shape (n_samples, n_features)
            The inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative row weights, relative to each other in this batch.

        Returns
        -------
        self : object
            The estimator.
        """
        return self._learn_batch(X, y, sample_weight)


@dataclass(repr=False, eq=False)
class NetworkRegressorCV(SquaredLoss, NetworkCV):
    """Networks for squared loss, their dropout rate and L2 strength chosen by folds."""

    def predict(self, X, return_std=False):
        """Predict the targets.

        Parameters
        ----------
        X : {array-like, sparse matrix or array} of shape (n_samples, n_features)
            The inputs.
        return_std : bool, default=False
            Whether to return the standard deviations of the targets as well.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            The mean of the networks' predictions.
        std : ndarray of the shape of y
            The root of the networks' variance at x plus their mean squared error on held-out rows.
        """
        members = self._member_predictions(X)
        mean = self._shaped(members.mean(axis=0))
        if not return_std:
            return mean
        return mean, self._shaped(np.sqrt(members.var(axis=0) + self._held.squared_errors()))

    def predict_interval(self, X, coverage=0.9):
        """Predict an interval for each target."""
        if not 0 < coverage < 1:
            raise ValueError(f"coverage must be in (0, 1); got {coverage}.")
        members = self._member_predictions(X)
        ends = [
            Intervals(self._held, j).ends(members[:, :, j], coverage)
            for j in range(members.shape[2])
        ]
        return self._shaped(np.stack(ends, axis=2))

    def _held_out_error(self, held: HeldOut) -> float:
        centred = held.Y - np.average(held.Y, axis=0, weights=held.s)
        variance = np.average(np.square(centred), axis=0, weights=held.s)
        return float(np.sum(held.squared_errors() / np.where(variance > 0, variance, 1.0)))
