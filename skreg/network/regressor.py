"""`NetworkRegressor` and `NetworkRegressorCV`: networks for squared loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import MultiOutputMixin, RegressorMixin, _fit_context
from sklearn.utils.metaestimators import available_if

from .cv import NetworkCV
from .ensemble import Ensemble, learns_from_batches
from .held_out import HeldOut
from .objective import SQUARED, Loss


class Regression(MultiOutputMixin, RegressorMixin):
    """Targets that are numbers."""

    _loss: ClassVar[Loss] = SQUARED

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
        self, y: NDArray, weights: NDArray, is_new: bool, classes: Any
    ) -> tuple[NDArray, NDArray]:
        if is_new:
            self._target_shape = y.shape[1:]
        elif y.shape[1:] != self._target_shape:
            raise ValueError(f"y has shape {y.shape}; expected {(len(y), *self._target_shape)}.")
        return y.reshape(len(y), -1).astype(np.float64), weights

    def _shaped(self, values: NDArray) -> NDArray:
        return values.reshape(*values.shape[:-1], *self._target_shape)


@dataclass(repr=False, eq=False)
class NetworkRegressor(Regression, Ensemble):
    """Networks for regression under L1, L2 and dropout of neurons.

    Each of a few networks z minimises, over its weights W and biases::

        E_masks 1/(2S) sum_i s_i |y_i - z(x_i)|^2 + l1_lambda sum |W| + l2_lambda/2 sum W^2

    for sample weights s_i of sum S, in expectation over the masks that drop hidden units and
    inputs. Predictions are the mean of the networks. The last layer is always exact.

    Parameters
    ----------
    hidden_layer_sizes : "auto", int or sequence of int, default="auto"
        Units of each hidden layer. "auto": (50,) for "lbfgs", (100, 100) for "adam". (): none, the
        linear model `DropoutRegressor(input_dropout_rate, drop_to="zero")`.
    input_dropout_rate : float, default=0.0
        Probability in [0, 1) of dropping an input to zero (its mean, if `standardize`).
    l1_lambda : float, default=0.0
        Strength of the L1 penalty on all weights but biases.
    activation : {"isru", "tanh", "logistic", "relu", "identity"}, default="isru"
        Of the hidden units; "isru" is z / sqrt(1 + z^2).
    solver : {"auto", "lbfgs", "adam"}, default="auto"
        - "lbfgs" takes all rows at once. Dropout of the last hidden layer is averaged over its
          masks, below it there can be none; without L1 the last layer is eliminated exactly.
        - "adam" takes minibatches, in float32, and draws the masks below the last hidden layer.
        - "auto" is "lbfgs" up to 15,000 rows, unless X is sparse or masks must be drawn.
    max_iter : "auto" or int, default="auto"
        Iterations of "lbfgs", or epochs of "adam". It is a budget: to end early regularises too,
        and no warning is given. "auto": 120 iterations, or 15 to 150 epochs, fewer the more rows;
        below 300 rows at most 20 + n_samples / 3 of either.
    tol : float, default=1e-7
        "lbfgs" stops when no entry of the gradient is larger.
    batch_size : "auto" or int, default="auto"
        Rows per step of "adam". "auto": 200, or n_samples / 200 if that is more.
    learning_rate_init : float, default=0.01
        Length of the first half of the steps of "adam"; it falls to zero over the second.
    standardize : bool, default=True
        Whether X and y are scaled to mean 0 and variance 1 for the training. The penalties are on
        that scale; `coefs_` and `intercepts_` are on that of the data. Sparse X is not centred.
    n_jobs : int, default=None
        Number of members trained at once, in threads; a BLAS has one thread within a fit.
    random_state : int, RandomState instance or None, default=None
        Source of the first weights, the minibatches and the masks.
    verbose : int, default=0
        Print the objective of every so many iterations.
    dropout_rate : float or sequence of float, default=0.005
        Probability in [0, 1) of dropping a hidden unit: one for all, or one per hidden layer.
    l2_lambda : float, default=1e-6
        Strength of the L2 penalty on all weights but biases.
    n_members : int, default=4
        Number of networks; 1 without hidden layers.
    warm_start : bool, default=False
        Whether `fit` starts at the last weights, and "adam" goes on with its moments.

    Attributes
    ----------
    coefs_ : list of ndarray of shape (n_members, fan_in, fan_out)
        The weights of each layer.
    intercepts_ : list of ndarray of shape (n_members, fan_out)
        The biases of each layer.
    best_loss_ : float
        The least objective of a member, on the scale of the training, without sampled masks.
    loss_curve_ : list of float
        The objective of that member after each iteration or epoch.
    dual_gap_ : float or ndarray of shape (n_targets,)
        The largest bound on how far the objective of a member is above its minimum over the last
        layer. None after `partial_fit`.
    n_iter_ : int
        The most iterations or epochs that a member took.
    n_active_features_ : int
        Number of inputs with a weight that is not zero.
    solver_ : str
        The solver that was used; "exact" without hidden layers.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had string column names.

    See Also
    --------
    NetworkRegressorCV : The same with rate and strength chosen by folds, and intervals.
    DropoutRegressor : The last layer.

    References
    ----------
    .. [1] G. Golub & V. Pereyra (1973). The differentiation of pseudo-inverses and nonlinear least
       squares problems whose variables separate. SIAM J. Numer. Anal. 10.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg import NetworkRegressor
    >>> X = np.random.default_rng(0).uniform(-2, 2, (400, 2))
    >>> y = np.sin(2 * X[:, 0]) * X[:, 1]
    >>> model = NetworkRegressor(random_state=0).fit(X[:300], y[:300])
    >>> bool(model.score(X[300:], y[300:]) > 0.98)
    True
    """

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
class NetworkRegressorCV(Regression, NetworkCV):
    """Networks for regression, with dropout rate and L2 strength chosen by folds.

    The networks of the folds are the model. Each follows the strengths from weak to strong, for
    one dropout rate after the other, as long as the error that their ensemble has on held-out rows
    falls.

    Parameters
    ----------
    hidden_layer_sizes, input_dropout_rate, l1_lambda, activation, solver : optional
        As in `NetworkRegressor`.
    max_iter, tol, batch_size, learning_rate_init, standardize, n_jobs, random_state : optional
        As in `NetworkRegressor`; a network that starts where another ended takes a quarter of the
        iterations.
    verbose : int, default=0
        Print the error of each pair that was tried, if positive.
    dropout_rates : array-like, default=(0.0, 0.002, 0.01, 0.05)
        Dropout rates of the hidden units to try, from low to high.
    l2_lambdas : array-like, default=(1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
        Strengths of the L2 penalty to try for each rate, from weak to strong, until two in a row
        are worse than the best so far. The search ends with the first rate that brings no gain.
    cv : int, splitter, iterable or None, default=None
        Folds. An int, or None for 5: so many shuffled folds, twice (once above 15,000 rows); whole
        groups if `fit` is given groups.
    scoring : str, callable or None, default=None
        What to choose by, of the held-out predictions. None: the squared error of the ensemble. A
        callable `(estimator, X, y)` may use X only by `estimator.predict(X)`.

    Attributes
    ----------
    dropout_rate_, l2_lambda_ : float
        The choice.
    best_score_ : float
        Its score; minus the mean squared error over the variance of y, unless there is `scoring`.
    cv_results_ : dict of ndarray
        "dropout_rate", "l2_lambda" and "score" of all pairs tried.
    oof_prediction_ : ndarray of shape (n_samples,) or (n_samples, n_targets)
        The mean prediction of the networks that have not seen the row; NaN where there is none.
    coefs_, intercepts_, best_loss_, loss_curve_, dual_gap_, n_iter_, n_active_features_ : object
        Of the networks of the folds, as in `NetworkRegressor`.
    solver_, n_features_in_, feature_names_in_ : object
        As in `NetworkRegressor`.

    See Also
    --------
    NetworkRegressor : The networks at a given rate and strength.

    References
    ----------
    .. [1] R. Barber, E. Candes, A. Ramdas & R. Tibshirani (2021). Predictive inference with the
       jackknife+. Ann. Statist. 49.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skreg import NetworkRegressorCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = NetworkRegressorCV(dropout_rates=[0.01, 0.1], random_state=0).fit(X, y)
    >>> model.predict_interval(X, coverage=0.9).shape
    (442, 2)
    """

    _held_out_error = HeldOut.relative_error

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
        """Predict an interval for each target.

        It is that of CV+, drawn towards the prediction in the ratio of the errors of all networks
        and of those that have not seen a row. The guarantee is that of CV+: for one round of folds,
        where nothing is drawn in, exchangeable rows, and strengths that did not depend on the rows,
        an interval holds a new target with probability 1 - 2a - sqrt(2/n) at least, a being
        1 - coverage. For two rounds, as by default, about 1 - a is what to expect, without proof.

        Parameters
        ----------
        X : {array-like, sparse matrix or array} of shape (n_samples, n_features)
            The inputs.
        coverage : float, default=0.9
            The share of targets to cover, between 0 and 1.

        Returns
        -------
        interval : ndarray of shape (n_samples, 2) or (n_samples, 2, n_targets)
            Lower and upper ends; infinite if there are too few rows for the coverage.
        """
        if not 0 < coverage < 1:
            raise ValueError(f"coverage must be in (0, 1); got {coverage}.")
        members = self._member_predictions(X)
        return self._shaped(self._held.intervals(members, coverage))
