"""Fits that need no rows: by batches, and from moments.

The moments of all batches so far are the whole state of a stream. Each batch is merged into them
and the model solved again, exactly, from the coefficients before; a change of the penalty is solved
from what is kept.
"""

from __future__ import annotations

import warnings

from sklearn.base import _fit_context
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..problem.moments import Moments, collect
from ..solvers import table
from .base import BaseRegularized, unchanged_on_error


def _takes_moments(estimator: BaseRegularized) -> bool:
    """Whether the solver does without rows; if not, ValueError says so."""
    if estimator.solver != "auto":
        table.check_without_rows(estimator.solver)
    return True


class IncrementalRegressor(BaseRegularized):
    """A model that can be fitted from moments alone."""

    @available_if(_takes_moments)
    def partial_fit(self, X, y, sample_weight=None):
        """Add a batch of rows, and fit the model to all batches so far.

        The result is that of `fit` on all rows at once: the order and the sizes of the batches do
        not matter, nor whether they are dense or sparse. Solving takes O(n_features^3) per batch;
        where batches are many and small, merge their `Moments` and call `fit_moments` once.

        Parameters
        ----------
        X : {array-like, sparse matrix or array, Dask collection} of shape (n_samples, n_features)
            The rows of the batch; one is enough.
        y : array-like or Dask collection of shape (n_samples,) or (n_samples, n_targets)
            Their targets.
        sample_weight : array-like of shape (n_samples,) or float, default=None
            Nonnegative row weights, all of which may be zero; a row of weight 2 counts as two rows.
            None: 1. Until some row has weight there is no model yet.

        Returns
        -------
        self : object
            The fitted estimator. After an error it is what it was before the batch.

        Raises
        ------
        ValueError
            For NaN or infinite values, negative weights, shapes and features that do not agree with
            one another or with the batches before.
        AttributeError
            If the solver needs the rows ("dual", "svd", "mask"): there is no `partial_fit` then.
        NotEnoughMemoryError
            If n_features x n_features matrices exceed the memory (a MemoryError and a ValueError).

        Warns
        -----
        UserWarning
            If rows were given to `fit` before: it keeps no moments of them to go on from, and the
            model begins anew. A `fit` of Dask, h5py or zarr does keep them.
        ConvergenceWarning
            As `fit`.
        """
        with unchanged_on_error(self):
            first = not hasattr(self, "moments_")
            if first and hasattr(self, "coef_"):
                warnings.warn(
                    "partial_fit after a fit on rows begins anew: fit keeps no moments to go on "
                    "from. Pass all rows to partial_fit, from the first on.",
                    UserWarning,
                    stacklevel=2,
                )
            before = 0 if first else self.moments_
            self.moments_ = before + collect(self, X, y, sample_weight, reset=first)
            return self.refit() if self.moments_.weight > 0 else self

    def fit_moments(self, moments):
        """Fit the model to moments in place of rows.

        Parameters
        ----------
        moments : Moments
            What `Moments.from_data` returns, or the sum of several such.

        Returns
        -------
        self : object
            The fitted estimator; `partial_fit` goes on from these moments.

        Raises
        ------
        TypeError
            If `moments` are not `Moments`.
        ValueError
            If no row of theirs has weight, and for a solver that needs the rows ("dual", "svd",
            "mask").
        """
        if not isinstance(moments, Moments):
            raise TypeError(f"moments must be an instance of skreg.Moments; got {moments!r}.")
        with unchanged_on_error(self):
            self.moments_ = moments
            self.n_features_in_ = moments.n_features
            self.__dict__.pop("feature_names_in_", None)
            if moments.feature_names is not None:
                self.feature_names_in_ = moments.feature_names
            return self.refit()

    @_fit_context(prefer_skip_nested_validation=True)
    def refit(self):
        """Fit the model again to the moments it has kept, with its present parameters.

        This is how to change a strength without going through the data again::

            model.set_params(l1_lambda=0.01).refit()

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        NotFittedError
            If no moments have been kept: those of `partial_fit`, of `fit_moments`, and of a `fit`
            of Dask, h5py or zarr are; those of rows in memory are not.
        """
        check_is_fitted(
            self,
            "moments_",
            msg="This %(name)s keeps no moments to fit again. Those of partial_fit and fit_moments "
            "are kept, those of a fit on rows in memory are not.",
        )
        row = table.SOLVERS.get(self.solver)
        exact = row is None or row.exact
        with unchanged_on_error(self):
            return self._solve_moments(self.moments_, None, warm=self.warm_start or exact)
