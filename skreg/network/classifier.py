"""`NetworkClassifier`: a network for the cross-entropy of classes."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.base import ClassifierMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from .cv import NetworkCV
from .ensemble import Ensemble


class LogLoss(ClassifierMixin):
    """Targets as classes."""

    _loss = "log"

    def _targets(self, y: NDArray, weights: NDArray, reset: bool) -> tuple[NDArray, NDArray]:
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        if reset:
            self.classes_ = np.unique(y)
        codes = np.searchsorted(self.classes_, y).clip(max=len(self.classes_) - 1)
        if np.any(self.classes_[codes] != y):
            raise ValueError(f"y has classes that are not among {self.classes_}.")
        counts = np.bincount(codes, weights, minlength=len(self.classes_))
        if self.class_weight == "balanced":
            by_class = counts.sum() / (len(counts) * np.where(counts > 0, counts, np.inf))
        else:
            by_class = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
        return np.eye(len(self.classes_))[codes], weights * by_class[codes]

    def _predicted(self, z: NDArray) -> NDArray:
        return softmax(z, axis=1)

    def _shaped(self, P: NDArray) -> NDArray:
        return P

    def predict_proba(self, X: Any) -> NDArray:
        """Predict the probabilities of the classes: the mean over the members.

        Parameters
        ----------
        X : {array-like, sparse matrix or array} of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            The probabilities, in the order of `classes_`.
        """
        return self._member_predictions(X).mean(axis=0)

    def predict(self, X: Any) -> NDArray:
        """Predict the most probable class.

        Parameters
        ----------
        X : {array-like, sparse matrix or array} of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The classes.
        """
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class NetworkClassifier(LogLoss, Ensemble):
    """x"""

    _parameter_constraints: ClassVar[dict] = {
        **Ensemble._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        hidden_layer_sizes=(50,),
        *,
        dropout_rate=0.005,
        input_dropout_rate=0.0,
        l1_lambda=0.0,
        l2_lambda=1e-6,
        activation="isru",
        solver="auto",
        max_iter="auto",
        tol=1e-7,
        batch_size="auto",
        learning_rate_init=1e-3,
        n_members=1,
        standardize=True,
        class_weight=None,
        warm_start=False,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            hidden_layer_sizes,
            dropout_rate=dropout_rate,
            input_dropout_rate=input_dropout_rate,
            l1_lambda=l1_lambda,
            l2_lambda=l2_lambda,
            activation=activation,
            solver=solver,
            max_iter=max_iter,
            tol=tol,
            batch_size=batch_size,
            learning_rate_init=learning_rate_init,
            n_members=n_members,
            standardize=standardize,
            warm_start=warm_start,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
        )
        self.class_weight = class_weight


class NetworkClassifierCV(LogLoss, NetworkCV):
    """x"""

    class_weight = None

    def _held_out_error(self, held):
        return held.log_loss()
