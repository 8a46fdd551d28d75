"""`NetworkClassifier` and `NetworkClassifierCV`: networks for the cross-entropy of classes."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from .cv import NetworkCV
from .ensemble import Ensemble, learns_from_batches
from .held_out import HeldOut
from .objective import LOG, Loss

CLASS_WEIGHT = [dict, StrOptions({"balanced"}), None]


class Classification(ClassifierMixin):
    """Targets that are classes."""

    _loss: ClassVar[Loss] = LOG

    def predict_proba(self, X):
        """Predict the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix or array} of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            The mean of the networks' probabilities, in the order of `classes_`.
        """
        return self._member_predictions(X).mean(axis=0)

    def predict(self, X):
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
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def _targets(
        self, y: NDArray, weights: NDArray, is_new: bool, classes: Any
    ) -> tuple[NDArray, NDArray]:
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        if is_new:
            self.classes_ = np.unique(y if classes is None else classes)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"y has classes {unknown} that are not among {self.classes_}.")
        codes = np.searchsorted(self.classes_, y)
        if self.class_weight == "balanced":
            by_class = 1 / np.maximum(np.bincount(codes, weights), np.finfo(np.float64).tiny)
        else:
            by_class = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
        return np.eye(len(self.classes_))[codes], weights * by_class[codes]


@dataclass(repr=False, eq=False)
class NetworkClassifier(Classification, Ensemble):
    """Networks for classes under L1, L2 and dropout of neurons.

    Each of a few networks minimises, over its weights W and biases, for the softmax p of its
    outputs::

        -E_masks 1/S sum_i s_i log p(y_i | x_i) + l1_lambda sum |W| + l2_lambda/2 sum W^2

    in expectation over the masks that drop hidden units and inputs: of the last hidden layer by
    Wager's quadratic, below it by drawn masks. Probabilities are the mean of the networks'.

    Parameters
    ----------
    hidden_layer_sizes, input_dropout_rate, l1_lambda, activation : optional
        As in `NetworkRegressor`; without hidden layers it is logistic regression.
    solver, max_iter, tol, batch_size, learning_rate_init : optional
        As in `NetworkRegressor`; "lbfgs" trains all layers at once, by "auto" in 50 iterations.
    standardize, n_jobs, random_state, verbose, dropout_rate : optional
        As in `NetworkRegressor`.
    l2_lambda : float, default=1e-3
        Strength of the L2 penalty on all weights but biases. This default and the 50 iterations
        were chosen by cross-validation on five tables.
    n_members : int, default=1
        Number of networks.
    warm_start : bool, default=False
        As in `NetworkRegressor`.
    class_weight : dict, "balanced" or None, default=None
        Factors of the row weights of each class. "balanced": all classes weigh alike.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes.
    coefs_, intercepts_, best_loss_, loss_curve_, n_iter_, n_active_features_, solver_ : object
        As in `NetworkRegressor`.
    n_features_in_, feature_names_in_ : object
        As in `NetworkRegressor`.

    See Also
    --------
    NetworkClassifierCV : The same with rate and strength chosen by folds.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skreg import NetworkClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = NetworkClassifier(random_state=0).fit(X[:1200], y[:1200])
    >>> bool(model.score(X[1200:], y[1200:]) > 0.92)
    True
    """

    _: KW_ONLY
    n_members: int = 1
    l2_lambda: float = 1e-3
    class_weight: dict | str | None = None

    _parameter_constraints: ClassVar[dict] = {
        **Ensemble._parameter_constraints,
        "class_weight": CLASS_WEIGHT,
    }

    @available_if(learns_from_batches)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Go on training, by one pass of Adam over a batch of rows.

        The step is constant. The first batch sets the scale of the inputs: it should be typical.

        Parameters
        ----------
        X : {array-like, sparse matrix or array} of shape (n_samples, n_features)
            The inputs.
        y : array-like of shape (n_samples,)
            The classes.
        classes : array-like of shape (n_classes,), default=None
            All classes that there will be. Needed in the first call only.
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative row weights, relative to each other in this batch.

        Returns
        -------
        self : object
            The estimator.
        """
        if classes is None and not hasattr(self, "classes_"):
            raise ValueError("classes must be passed on the first call to partial_fit.")
        return self._learn_batch(X, y, sample_weight, classes)


@dataclass(repr=False, eq=False)
class NetworkClassifierCV(Classification, NetworkCV):
    """Networks for classes, with dropout rate and L2 strength chosen by folds.

    Parameters
    ----------
    hidden_layer_sizes, input_dropout_rate, l1_lambda, activation, solver : optional
        As in `NetworkRegressor`.
    max_iter, tol, batch_size, learning_rate_init, standardize, n_jobs : optional
        As in `NetworkRegressorCV`.
    random_state, verbose, dropout_rates, l2_lambdas, cv : optional
        As in `NetworkRegressorCV`; folds are stratified, also those of groups.
    scoring : str, callable or None, default=None
        What to choose by, of the held-out probabilities. None: their cross-entropy.
    class_weight : dict, "balanced" or None, default=None
        As in `NetworkClassifier`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes.
    oof_prediction_ : ndarray of shape (n_samples, n_classes)
        The mean probabilities by the networks that have not seen the row.
    dropout_rate_, l2_lambda_, best_score_, cv_results_ : object
        As in `NetworkRegressorCV`; a score is minus the cross-entropy, unless there is `scoring`.
    coefs_, intercepts_, best_loss_, loss_curve_, n_iter_, n_active_features_, solver_ : object
        As in `NetworkRegressor`.
    n_features_in_, feature_names_in_ : object
        As in `NetworkRegressor`.

    See Also
    --------
    NetworkClassifier : The networks at a given rate and strength.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skreg import NetworkClassifierCV
    >>> X, y = load_iris(return_X_y=True)
    >>> model = NetworkClassifierCV(dropout_rates=[0.01], random_state=0).fit(X, y)
    >>> bool((model.oof_prediction_.argmax(axis=1) == y).mean() > 0.9)
    True
    """

    _: KW_ONLY
    class_weight: dict | str | None = None

    _held_out_error = HeldOut.log_loss
    _parameter_constraints: ClassVar[dict] = {
        **NetworkCV._parameter_constraints,
        "class_weight": CLASS_WEIGHT,
    }
