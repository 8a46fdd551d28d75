"""Activations: each turns Z (n, H) into h(Z), in place, and returns it with the slope h'(Z).

"isru" is z / sqrt(1 + z^2). It has the shape of tanh, from -1 to 1, at half of its cost.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Activation = Callable[[NDArray], tuple[NDArray, NDArray]]


def isru(Z: NDArray) -> tuple[NDArray, NDArray]:
    """Return z / sqrt(1 + z^2) and (1 + z^2)^(-3/2)."""
    inverse_root = Z * Z
    inverse_root += 1
    np.sqrt(inverse_root, out=inverse_root)
    np.reciprocal(inverse_root, out=inverse_root)
    Z *= inverse_root
    slope = inverse_root * inverse_root
    slope *= inverse_root
    return Z, slope


def tanh(Z: NDArray) -> tuple[NDArray, NDArray]:
    """Return tanh(z) and 1 - tanh(z)^2."""
    np.tanh(Z, out=Z)
    return Z, 1 - Z * Z


def logistic(Z: NDArray) -> tuple[NDArray, NDArray]:
    """Return 1 / (1 + exp(-z)) and its slope."""
    expit(Z, out=Z)
    return Z, Z * (1 - Z)


def relu(Z: NDArray) -> tuple[NDArray, NDArray]:
    """Return max(z, 0) and whether z > 0."""
    np.maximum(Z, 0, out=Z)
    return Z, (Z > 0).astype(Z.dtype)


ACTIVATIONS: dict[str, Activation] = {
    "identity": lambda Z: (Z, np.ones_like(Z)),
    "isru": isru,
    "logistic": logistic,
    "relu": relu,
    "tanh": tanh,
}
