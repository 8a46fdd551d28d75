"""From the data of the user to those of the training, and back to weights on the user's scale.

Training sees the rows as a weighted set: rows of weight zero are left out, equal rows are merged,
and their order is that of their bytes. A row of weight 2 and a row that stands there twice thus
give the same network to the last bit, whatever rounding does to a long training in float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .losses import Layer

# A column that varies by less, relative to its mean, counts as constant: its weight on the scale of
# the data would multiply rounding errors of its mean by 1e11. One of naval's columns is such noise.
CONSTANT = 1e-11


@dataclass(frozen=True)
class Rows:
    """X (n, p), an array or CSR, targets Y (n, k) and weights s (n,), all in float64."""

    X: Any
    Y: NDArray
    s: NDArray

    @property
    def is_sparse(self) -> bool:
        """Whether X is a sparse array."""
        return sparse.issparse(self.X)

    def take(self, rows: NDArray) -> Rows:
        """Return some of the rows."""
        return Rows(self.X[rows], self.Y[rows], self.s[rows])

    def as_weighted_set(self) -> Rows:
        """Return the rows without duplicates, in an order of their own, with weights of sum 1."""
        rows = self.take(np.flatnonzero(self.s))
        _, first, place = np.unique(rows._keys(), return_index=True, return_inverse=True)
        s = np.bincount(place, rows.s)
        return Rows(rows.X[first], rows.Y[first], s / s.sum())

    def _keys(self) -> NDArray:
        """Return the bytes of each row and its targets (n,)."""
        if not self.is_sparse:
            table = np.ascontiguousarray(np.hstack([self.X, self.Y]))
            table += 0.0  # -0.0 and 0.0 are one value of two bytes
            return table.view(np.dtype((np.void, table.itemsize * table.shape[1])))[:, 0]
        X, Y = self.X.copy(), self.Y + 0.0
        X.sum_duplicates()
        X.eliminate_zeros()
        spans = zip(X.indptr[:-1], X.indptr[1:], Y, strict=True)
        keys = [(X.indices[a:b].tobytes(), X.data[a:b].tobytes(), y.tobytes()) for a, b, y in spans]
        return np.array([b"".join(key) for key in keys], dtype=object)


@dataclass(frozen=True)
class Scaling:
    """Means and standard deviations of the columns of X (p,) and of Y (k,)."""

    x_mean: NDArray
    x_scale: NDArray
    y_mean: NDArray
    y_scale: NDArray

    @classmethod
    def of(cls, rows: Rows, of_x: bool, of_y: bool) -> Scaling:
        """Return the scaling of weighted rows; sparse columns keep their zeros.

        `of_x` and `of_y` say which of the two to scale: mean 0 and scale 1 otherwise.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            x_mean, x_scale = _moments(rows.X, rows.s) if of_x else _neutral(rows.X.shape[1])
            y_mean, y_scale = _moments(rows.Y, rows.s) if of_y else _neutral(rows.Y.shape[1])
        if rows.is_sparse:
            x_mean = np.zeros_like(x_mean)
        if not (np.all(np.isfinite(x_scale)) and np.all(np.isfinite(y_scale))):
            raise ValueError("X or y holds values whose squares overflow float64. Rescale them.")
        return cls(x_mean, x_scale, y_mean, y_scale)

    def apply(self, rows: Rows) -> Rows:
        """Return the rows on the scale of the training."""
        X = rows.X.multiply(1 / self.x_scale).tocsr() if rows.is_sparse else self._scaled(rows.X)
        return Rows(X, (rows.Y - self.y_mean) / self.y_scale, rows.s)

    def to_data(self, layers: list[Layer]) -> list[Layer]:
        """Return layers that take X and give Y as they are, of those for scaled ones."""
        layers = list(layers)
        W, b = layers[0]
        W = W / self.x_scale[:, None]
        layers[0] = W, b - self.x_mean @ W
        W, b = layers[-1]
        layers[-1] = W * self.y_scale, b * self.y_scale + self.y_mean
        return layers

    def from_data(self, layers: list[Layer]) -> list[Layer]:
        """Undo `to_data`."""
        layers = list(layers)
        W, b = layers[-1]
        layers[-1] = W / self.y_scale, (b - self.y_mean) / self.y_scale
        W, b = layers[0]
        layers[0] = W * self.x_scale[:, None], b + self.x_mean @ W
        return layers

    def _scaled(self, X: NDArray) -> NDArray:
        """Return X (n, p) centred and scaled."""
        return (X - self.x_mean) / self.x_scale


def _neutral(n_columns: int) -> tuple[NDArray, NDArray]:
    """Return mean 0 and scale 1 for each column."""
    return np.zeros(n_columns), np.ones(n_columns)


def _moments(X: Any, s: NDArray) -> tuple[NDArray, NDArray]:
    """Return the weighted mean and standard deviation of each column; scale 1 where constant."""
    mean = X.T @ s
    if sparse.issparse(X):
        variance = np.maximum(X.multiply(X).T @ s - mean * mean, 0.0)
        size = np.sqrt(X.multiply(X).T @ s)
    else:
        variance = s @ np.square(X - mean)
        size = np.abs(mean)
    scale = np.sqrt(variance)
    scale[scale <= CONSTANT * size] = 1.0
    return mean, scale
