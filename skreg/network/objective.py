"""The objective of a network, as a function of one vector of parameters.

Of layers of sizes (p, H_1, ..., H_L, k) the vector holds all weights first, which are penalised,
then all biases, which are not. `Objective` runs the rows forward through the hidden layers, takes
value and gradient of the loss on top (`losses`), and carries the gradient back. Where the last
layer is eliminated the vector ends with the hidden layers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .activations import Activation
from .losses import Layer, Loss, eliminated


def layer_views(theta: NDArray, sizes: tuple[int, ...]) -> list[Layer]:
    """Return the weights (fan_in, fan_out) and biases (fan_out,) that theta holds, as views."""
    at, weights, biases = 0, [], []
    for m, n in zip(sizes[:-1], sizes[1:], strict=True):
        weights.append(theta[at : at + m * n].reshape(m, n))
        at += m * n
    for n in sizes[1:]:
        biases.append(theta[at : at + n])
        at += n
    return list(zip(weights, biases, strict=True))


def flatten(layers: list[Layer]) -> NDArray:
    """Return the vector that holds the layers."""
    arrays = [W.ravel() for W, _ in layers] + [b for _, b in layers]
    return np.concatenate(arrays) if arrays else np.empty(0)


def count_weights(sizes: tuple[int, ...]) -> int:
    """Return how many entries of the vector are weights; the others are biases."""
    return sum(m * n for m, n in zip(sizes[:-1], sizes[1:], strict=True))


def random_layers(sizes: tuple[int, ...], rng: np.random.Generator) -> list[Layer]:
    """Return layers whose units see standardised inputs with variance 1; the last has no bias."""
    layers: list[Layer] = []
    for i, (m, n) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        bias = rng.standard_normal(n) if i < len(sizes) - 2 else np.zeros(n)
        layers.append((rng.standard_normal((m, n)) / np.sqrt(m), bias))
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
    """Data term of the objective: the loss in expectation over the masks of the last layer.

    `rates` (L + 1) are the dropout rates of the inputs and of each hidden layer. The last one is
    averaged over; the others are sampled, if a generator is given. `loss` None eliminates the
    last layer, whose penalty l2/2 |B|^2 is then part of the value.
    """

    sizes: tuple[int, ...]
    activation: Activation
    rates: tuple[float, ...]
    loss: Loss | None
    l2: float = 0.0

    @property
    def n_weights(self) -> int:
        """Return how many parameters are weights; they come first."""
        return count_weights(self.sizes)

    @property
    def n_parameters(self) -> int:
        """Return the length of the vector."""
        return self.n_weights + sum(self.sizes[1:])

    def evaluate(
        self,
        theta: NDArray,
        X: NDArray,
        Y: NDArray,
        s: NDArray,
        gradient: NDArray,
        rng: np.random.Generator | None = None,
    ) -> float:
        """Return the value at theta (P,) on rows X (n, p), Y (n, k) of weights s (n,).

        The gradient is written to `gradient` (P,). All arrays have one float type.
        """
        layers, slots = layer_views(theta, self.sizes), layer_views(gradient, self.sizes)
        top = len(layers) if self.loss is None else len(layers) - 1
        units, slopes = [X], []
        for (W, b), rate in zip(layers[:top], self.rates, strict=False):
            if rng is not None and rate:
                self._drop(units, slopes, rate, rng)
            # Contiguous along rows, so that terms per unit and terms per row broadcast at full speed.
            Z = (W.T @ units[-1].T).T
            Z += b
            A, slope = self.activation(Z)
            units.append(A)
            slopes.append(slope)
        rate = self.rates[-1]
        rho = rate / (1 - rate)
        if self.loss is None:
            value, E = eliminated(units[-1], Y, s, rho, self.l2)
        else:
            value, E = self.loss(units[-1], Y, s, rho, layers[-1], slots[-1])
        for i in reversed(range(top)):
            E *= slopes[i]
            slots[i][0][...] = units[i].T @ E
            np.sum(E, axis=0, out=slots[i][1])
            if i:
                E = (layers[i][0] @ E.T).T
        return value

    @staticmethod
    def _drop(
        units: list[NDArray], slopes: list[NDArray], rate: float, rng: np.random.Generator
    ) -> None:
        """Multiply the last units (n, H), and their slopes, by inverted dropout's mask."""
        A = units[-1]
        shape = A.data.shape if hasattr(A, "tocsr") else A.shape
        mask = (rng.random(shape, dtype=np.float32) >= rate) / A.dtype.type(1 - rate)
        if hasattr(A, "tocsr"):  # an entry that is zero stays so
            units[-1] = A.copy()
            units[-1].data *= mask
        else:
            units[-1] = A * mask
        if slopes:
            slopes[-1] *= mask
