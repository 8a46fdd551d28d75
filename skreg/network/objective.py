"""The objective of a network, as a function of one vector of parameters.

    E_masks sum_i s_i loss(y_i, z_i) + l1 sum |W| + l2/2 sum W^2    over all weights but biases

The rows go forward through the hidden layers, the loss on top gives value and gradient, and the
gradient goes back. The dropout of the last hidden units h_ij is averaged over its masks: at rate q
it multiplies each by 0 or 1 / (1 - q), which leaves its mean and adds the variance rho h_ij^2,
rho = q / (1 - q). Of the outputs z_i = c + h_i B this is noise of covariance
rho sum_j h_ij^2 B_j B_j', so that for weights s of sum 1 and m_j = sum_i s_i h_ij^2 the expected

    squared loss is  1/2 sum_i s_i |y_i - z_i|^2 + rho/2 sum_j m_j |B_j|^2                  exactly,
    log loss is      -sum_i s_i log p_i(y_i) + rho/2 sum_i s_i sum_j h_ij^2 Var_{p_i}(B_j)

to second order (Wager, Wang & Liang 2013), where Var_p is the variance over classes drawn from p.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import LinAlgError, cho_factor, cho_solve, get_blas_funcs
from scipy.special import entr, expit, softmax

Layer = tuple[NDArray, NDArray]  # weights (fan_in, fan_out) and biases (fan_out,)

# A Gram matrix of float32 is off by some 1e-7 of its trace, often more than l2_lambda.
JITTER = 1e-5  # of the mean of its diagonal


@dataclass(frozen=True)
class Loss:
    """A loss of outputs z (n, k) for targets Y (n, k) with weights s (n,) of sum 1.

    `evaluate(A, Y, s, rho, top, gradient)` returns the loss of hidden units A (n, H) under the
    layer `top`, and its gradient (n, H) with respect to A; that with respect to `top` is written to
    `gradient`. `of_constant(Y, s)` is what the best constant loses, `predict(z)` what outputs mean.
    """

    evaluate: Callable[[NDArray, NDArray, NDArray, float, Layer, Layer], tuple[float, NDArray]]
    of_constant: Callable[[NDArray, NDArray], float]
    predict: Callable[[NDArray], NDArray]
    max_iter: int  # of "lbfgs", if that is "auto"


def squared(
    A: NDArray, Y: NDArray, s: NDArray, rho: float, top: Layer, gradient: Layer
) -> tuple[float, NDArray]:
    """Return half the expected squared error, and its gradient."""
    B, c = top
    R = A @ B
    R += c
    R -= Y
    sR = s[:, None] * R
    value = 0.5 * float(np.vdot(sR, R))
    np.matmul(A.T, sR, out=gradient[0])
    np.sum(sR, axis=0, out=gradient[1])
    gemm = get_blas_funcs("gemm", (A,))
    if not rho:
        return value, gemm(1.0, sR, B, trans_b=True)
    size = rho * np.square(B).sum(axis=1)
    noise = A * s[:, None]
    moments = np.einsum("nh,nh->h", noise, A)
    value += 0.5 * float(moments @ size)
    gradient[0][...] += (rho * moments)[:, None] * B
    noise *= size
    # The sum is formed in place: as two arrays it takes twice the time.
    return value, gemm(1.0, sR, B, beta=1.0, c=noise, trans_b=True, overwrite_c=True)


def log_loss(
    A: NDArray, Y: NDArray, s: NDArray, rho: float, top: Layer, gradient: Layer
) -> tuple[float, NDArray]:
    """Return the expected cross-entropy of the softmax, and its gradient; Y is one-hot."""
    B, c = top
    Z = (B.T @ A.T).T
    Z += c
    Z -= Z.max(axis=1, keepdims=True)
    P = np.exp(Z)
    total = P.sum(axis=1)
    value = float(s @ (np.log(total) - np.einsum("nk,nk->n", Y, Z)))
    P /= total[:, None]
    G = (P - Y) * s[:, None]
    gemm = get_blas_funcs("gemm", (A,))
    if not rho:
        np.matmul(A.T, G, out=gradient[0])
        np.sum(G, axis=0, out=gradient[1])
        return value, gemm(1.0, G, B, trans_b=True)
    sA = A * (rho * s)[:, None]
    noise = sA * A
    mean = (B @ P.T).T
    variance = (np.square(B) @ P.T).T
    variance -= mean * mean
    value += 0.5 * float(np.einsum("nh,nh->", noise, variance))
    mean *= noise
    by_class = (0.5 * np.square(B).T @ noise.T - B.T @ mean.T).T
    by_class -= np.einsum("nk,nk->n", P, by_class)[:, None]
    G += P * by_class
    np.matmul(A.T, G, out=gradient[0])
    gradient[0][...] += (noise.T @ P) * B - mean.T @ P
    np.sum(G, axis=0, out=gradient[1])
    variance *= sA
    return value, gemm(1.0, G, B, beta=1.0, c=variance, trans_b=True, overwrite_c=True)


def eliminated(A: NDArray, Y: NDArray, s: NDArray, rho: float, l2: float) -> tuple[float, NDArray]:
    """Return the least squared loss plus l2/2 |B|^2 over all B and c, and its gradient (n, H).

    By the envelope theorem that is the gradient at the minimiser, as if it did not depend on A
    (variable projection, Golub & Pereyra 1973). Products are in the float type of A (n, H), the
    ridge regression is in float64.
    """
    mean, y_mean = s @ A, s @ Y
    centred, root = A - mean, np.sqrt(s)[:, None]
    centred *= root
    gram = (centred.T @ centred).astype(np.float64)
    moments = gram.diagonal() + np.square(mean, dtype=np.float64)
    target = (centred.T @ (root * (Y - y_mean))).astype(np.float64)
    for jitter in (0.0, JITTER, 100 * JITTER):
        ridge = l2 + jitter * gram.diagonal().mean()
        try:
            factor = cho_factor(gram + np.diag(ridge + rho * moments), check_finite=False)
        except LinAlgError:
            continue
        B = cho_solve(factor, target, check_finite=False)
        top = B.astype(A.dtype), (y_mean - mean @ B).astype(A.dtype)
        unused = np.empty_like(top[0]), np.empty_like(top[1])
        value, E = squared(A, Y, s, rho, top, unused)
        return value + 0.5 * ridge * float(np.vdot(B, B)), E
    raise ValueError("The hidden units overflow float32. Use standardize=True.")


SQUARED = Loss(
    squared,
    of_constant=lambda Y, s: 0.5 * float(s @ np.square(Y - s @ Y).sum(axis=1)),
    predict=lambda z: z,
    max_iter=120,
)
LOG = Loss(
    log_loss,
    of_constant=lambda Y, s: float(entr(s @ Y).sum()),
    predict=partial(softmax, axis=1),
    # Twice as many lower the held-out log loss, over six tables, from .525 to .513 only.
    max_iter=50,
)

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
            slots[i][0][...] = (E.T @ units[i]).T  # as X.T @ E it takes up to four times as long
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
