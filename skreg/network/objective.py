"""The objective of a network, as a function of one vector of parameters.

    E_masks sum_i s_i loss(y_i, z_i) + l1 sum |W| + l2/2 sum W^2    over all weights but biases

Of layers of sizes (p, H_1, ..., H_L, k) the vector holds first all weights, then all biases. The
rows go forward through the hidden layers, the loss on top (`losses`) gives value and gradient, and
the gradient goes back. Where the last layer is eliminated the vector ends with the hidden layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .activations import Activation
from .losses import Layer, Loss, eliminated

Data = tuple[Any, NDArray, NDArray]  # X (n, p), Y (n, k) and s (n,), of one float type


class Parameters:
    """A vector (P,), and the weights (fan_in, fan_out) and biases (fan_out,) in it as views."""

    def __init__(self, vector: NDArray, sizes: tuple[int, ...]) -> None:
        shapes = [*pairwise(sizes)]
        ends = np.cumsum([m * n for m, n in shapes] + [n for _, n in shapes])
        parts = np.split(vector, ends[:-1])
        weights = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=False)]
        self.vector = vector
        self.weights = vector[: ends[len(shapes) - 1]]
        self.layers: list[Layer] = list(zip(weights, parts[len(shapes) :], strict=True))

    @classmethod
    def of(cls, layers: list[Layer], dtype: Any = np.float64) -> Parameters:
        """Return a vector that holds copies of the layers."""
        arrays = [W.ravel() for W, _ in layers] + [b for _, b in layers]
        sizes = tuple(len(W) for W, _ in layers) + layers[-1][0].shape[1:]
        return cls(np.concatenate(arrays).astype(dtype), sizes)

    def like(self, vector: NDArray) -> Parameters:
        """Return another vector (P,) with the same views."""
        sizes = tuple(len(W) for W, _ in self.layers) + self.layers[-1][0].shape[1:]
        return Parameters(vector, sizes)


def random_layers(sizes: tuple[int, ...], rng: np.random.Generator) -> list[Layer]:
    """Return layers whose units see standardised inputs with variance 1; the last has no bias."""
    shapes = pairwise(sizes)
    layers = [(rng.standard_normal((m, n)) / np.sqrt(m), rng.standard_normal(n)) for m, n in shapes]
    layers[-1][1][:] = 0.0
    return layers


def hidden_units(X: NDArray, layers: list[Layer], activation: Activation) -> NDArray:
    """Return the units (n, H) of the last of the hidden `layers`; X (n, p) if there is none."""
    for W, b in layers:
        X = X @ W
        X += b
        X = activation(X)[0]
    return X


@dataclass(frozen=True)
class Objective:
    """The objective under dropout at `rates` (L + 1,) of inputs and hidden layers.

    The last of the rates is averaged over; masks of the others are drawn if a generator is given.
    `loss` None is the squared loss with the last layer eliminated, which takes no L1.
    """

    activation: Activation
    rates: tuple[float, ...]
    loss: Loss | None
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
        """Return the value at theta on rows X (n, p), Y (n, k) of weights s (n,).

        The gradient without the L1 part is written to `gradient`.
        """
        layers, slots = theta.layers, gradient.layers
        hidden = layers if self.loss is None else layers[:-1]
        units: list[Any] = [X]
        slopes: list[NDArray] = []
        for (W, b), rate in zip(hidden, self.rates, strict=False):
            if rng is not None and rate:
                mask = _mask(units[-1], rate, rng)
                units[-1] = units[-1] * mask
                if slopes:
                    slopes[-1] *= mask
            # Contiguous along rows, so that terms per unit and terms per row broadcast fast.
            Z = (W.T @ units[-1].T).T
            Z += b
            A, slope = self.activation(Z)
            units.append(A)
            slopes.append(slope)
        if sparse.issparse(units[-1]):  # the rows of a minibatch, without hidden layers
            units[-1] = units[-1].toarray()
        rho = self.rates[-1] / (1 - self.rates[-1])
        if self.loss is None:
            value, E = eliminated(units[-1], Y, s, rho, self.l2)
        else:
            value, E = self.loss(units[-1], Y, s, rho, layers[-1], slots[-1])
        ones = np.ones(len(E), E.dtype)  # a product takes half the time of a sum
        for i in reversed(range(len(hidden))):
            E *= slopes[i]
            slots[i][0][...] = units[i].T @ E
            slots[i][1][...] = ones @ E
            if i:
                E = (layers[i][0] @ E.T).T
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
