"""The objective of a network, as a function of one vector of parameters.

    E_masks sum_i s_i loss(y_i, z_i) + l1 sum |W| + l2/2 sum W^2    over all weights but biases

Of layers of sizes (p, H_1, ..., H_L, k) the vector holds first all weights, then all biases. The
rows go forward through the hidden layers, the loss on top (`losses`) gives value and gradient, and
the gradient goes back. Where the last layer is eliminated the vector ends with the hidden layers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit

from .losses import Layer, Loss, eliminated

Activation = Callable[[NDArray], tuple[NDArray, NDArray]]


def isru(Z: NDArray) -> tuple[NDArray, NDArray]:
    """Return z / sqrt(1 + z^2), of the shape of tanh, and its slope (1 + z^2)^(-3/2)."""
    slope = Z * Z
    slope += 1
    np.reciprocal(slope, out=slope)
    root = np.sqrt(slope)
    slope *= root
    root *= Z
    return root, slope


def with_slope(function: Callable, slope: Callable[[NDArray], NDArray]) -> Activation:
    """Return an activation whose slope is a function of its value."""
    return lambda Z: (A := function(Z), slope(A))


# Each takes Z (n, H) and returns h(Z) and the slope h'(Z).
ACTIVATIONS: dict[str, Activation] = {
    "identity": with_slope(np.asarray, np.ones_like),
    "isru": isru,
    "logistic": with_slope(expit, lambda A: A * (1 - A)),
    "relu": with_slope(lambda Z: np.maximum(Z, 0), np.sign),
    "tanh": with_slope(np.tanh, lambda A: 1 - A * A),
}


class Parameters:
    """A vector (P,), and the weights (fan_in, fan_out) and biases (fan_out,) in it as views."""

    def __init__(self, vector: NDArray, shapes: list[tuple[int, int]]) -> None:
        ends = np.cumsum([m * n for m, n in shapes] + [n for _, n in shapes])
        parts = np.split(vector, ends[:-1])
        weights = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=False)]
        self.vector, self.shapes = vector, shapes
        self.weights = vector[: ends[len(shapes) - 1]]
        self.layers: list[Layer] = list(zip(weights, parts[len(shapes) :], strict=True))

    @classmethod
    def of(cls, layers: list[Layer], dtype: Any = np.float64) -> Parameters:
        """Return a vector that holds copies of the layers."""
        arrays = [W.ravel() for W, _ in layers] + [b for _, b in layers]
        return cls(np.concatenate(arrays).astype(dtype), [W.shape for W, _ in layers])

    def like(self) -> Parameters:
        """Return an empty vector with the same views."""
        return Parameters(np.empty_like(self.vector), self.shapes)


def random_layers(sizes: tuple[int, ...], rng: np.random.Generator) -> list[Layer]:
    """Return layers whose units see standardised inputs with variance 1; the last has no bias."""
    shapes = pairwise(sizes)
    layers = [(rng.standard_normal((m, n)) / np.sqrt(m), rng.standard_normal(n)) for m, n in shapes]
    layers[-1][1][:] = 0.0
    return layers


def hidden_units(X: NDArray, layers: list[Layer], activation: str) -> NDArray:
    """Return the units (n, H) of the last hidden layer; X (n, p) if there is none."""
    for W, b in layers[:-1]:
        X = ACTIVATIONS[activation](X @ W + b)[0]
    return X


def dense(A: Any) -> NDArray:
    """Return A (n, H) as an array; without hidden layers it may be sparse."""
    return A.toarray() if sparse.issparse(A) else A


@dataclass(frozen=True)
class Objective:
    """The objective of networks with `hidden` sizes (L), dropped at `rates` (L + 1).

    The rates are of the inputs and of each hidden layer. The last is averaged over; masks of the
    others are drawn if a generator is given.
    """

    loss: Loss
    activation: str
    hidden: tuple[int, ...]
    rates: tuple[float, ...]
    l1: float
    l2: float

    def evaluate(
        self,
        theta: Parameters,
        X: Any,
        Y: NDArray,
        s: NDArray,
        gradient: Parameters,
        rng: np.random.Generator | None = None,
    ) -> float:
        """Return the value on rows X (n, p), Y (n, k) of weights s (n,), all of one float type.

        The gradient without the L1 part is written to `gradient`. Without a last layer in theta the
        value is the least over all last layers.
        """
        layers, slots = theta.layers, gradient.layers
        units: list[Any] = [X]
        slopes: list[NDArray] = []
        for (W, b), rate in zip(layers, self.rates[:-1], strict=False):
            if rng is not None and rate:
                mask = _mask(units[-1], rate, rng)
                units[-1] = units[-1] * mask
                if slopes:
                    slopes[-1] *= mask
            # Contiguous along rows, so that terms per unit and terms per row broadcast fast.
            Z = (W.T @ units[-1].T).T
            Z += b
            A, slope = ACTIVATIONS[self.activation](Z)
            units.append(A)
            slopes.append(slope)
        units[-1] = dense(units[-1])
        rho = self.rates[-1] / (1 - self.rates[-1])
        if len(layers) == len(slopes):
            value, E = eliminated(units[-1], Y, s, rho, self.l2)
        else:
            value, E = self.loss.evaluate(units[-1], Y, s, rho, layers[-1], slots[-1])
        ones = np.ones(len(E), E.dtype)  # a product takes half the time of a sum
        for i in reversed(range(len(slopes))):
            E *= slopes[i]
            slots[i][0][...] = units[i].T @ E
            np.matmul(ones, E, out=slots[i][1])
            if i:
                E = (layers[i][0] @ E.T).T
        if self.l2:
            gradient.weights += self.l2 * theta.weights
        return value + self.penalty(theta)

    def penalty(self, theta: Parameters) -> float:
        """Return the L1 and the L2 part of the objective."""
        weights = theta.weights
        value = 0.5 * self.l2 * float(weights @ weights)
        return value + self.l1 * float(np.abs(weights).sum()) if self.l1 else value


def _mask(A: Any, rate: float, rng: np.random.Generator) -> Any:
    """Return the factors 0 or 1 / (1 - rate) of inverted dropout for the entries of A (n, H)."""
    if sparse.issparse(A):  # of an entry that is zero no mask is needed
        factors = _mask(A.data, rate, rng)
        return sparse.csr_array((factors, A.indices, A.indptr), shape=A.shape)
    return (rng.random(A.shape, dtype=np.float32) >= rate) / A.dtype.type(1 - rate)
