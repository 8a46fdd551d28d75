"""`View`: what the views of the data have in common, the size of columns and of rounding errors.

A view answers what a solver asks of the standard form |b - A w|^2. This base knows the columns by
their means and variances alone; how A is kept is the business of `Rows` and `MomentsView`.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .. import _linalg
from .kept_gram import KeptGram


class View:
    """A view with `mean` (p,), `shift` (p,) or 0, `target_mean` (...) and `fit_intercept`."""

    @cached_property
    def kept(self) -> KeptGram:
        """The part of the Gram matrix that was ever asked for."""
        return KeptGram(self.block)

    def intercept(self, w: NDArray) -> NDArray:
        """Return the intercepts (...) that go with w (..., p)."""
        return self.target_mean - w @ self.mean if self.fit_intercept else np.zeros(w.shape[:-1])

    def intercept_rounding(self, w: NDArray) -> NDArray:
        """Return what rounding of the intercepts that go with w (..., p) adds to the loss (...)."""
        return _linalg.intercept_rounding(w, self.mean * self.fit_intercept)

    def residual_norm2(self, w: NDArray) -> NDArray:
        """Return |b - A w|^2 (...), twice the loss, at w (..., p)."""
        return self.evaluate(w)[1]

    def second_moments(self, drop_to: str) -> NDArray:
        """Return what dropout destroys (p,): the variance, or the raw moment for drop_to="zero"."""
        variances = self.variances()
        return variances if drop_to == "mean" else variances + self.mean * self.mean

    def stored_moments(self) -> NDArray:
        """Return the mean square of each stored column (p,), shifted but not centred."""
        return self.variances() + (self.mean - self.shift) ** 2

    def reach(self, w: NDArray) -> NDArray:
        """Return how large (...) the terms of A w are together, for w (..., p)."""
        return np.abs(w) @ np.sqrt(self.stored_moments())

    def rounding(self, reach: NDArray | float = 0.0) -> NDArray:
        """Bound (..., p) the rounding error of correlations with residuals at coefficients."""
        return _linalg.rounding(self.stored_moments(), self.target_norm2, reach)
