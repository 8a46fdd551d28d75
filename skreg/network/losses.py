"""The loss on top of the last hidden units, and its dropout, averaged over the masks.

Dropout at rate q multiplies each hidden unit h_ij by 0 or 1 / (1 - q), which leaves its mean and
adds the variance rho h_ij^2, rho = q / (1 - q). Of the outputs z_i = c + h_i B this is noise of
covariance rho sum_j h_ij^2 B_j B_j', so that the expectation of the loss over all masks is, for
weights s of sum 1 and m_j = sum_i s_i h_ij^2,

    squared loss:  1/2 sum_i s_i |y_i - z_i|^2 + rho/2 sum_j m_j |B_j|^2                  exactly,
    log loss:      -sum_i s_i log p_i(y_i) + rho/2 sum_i s_i sum_j h_ij^2 Var_{p_i}(B_j)

to second order (Wager, Wang & Liang 2013), where Var_p is the variance over classes drawn from p.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.special import entr, softmax

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
    # Contiguous along rows, as A is. BLAS takes nine times as long for one target.
    E = (B * sR.T).T if B.shape[1] == 1 else (B @ sR.T).T
    if rho:
        size = rho * np.square(B).sum(axis=1)
        noise = A * s[:, None]
        moments = np.einsum("nh,nh->h", noise, A)
        value += 0.5 * float(moments @ size)
        gradient[0][...] += (rho * moments)[:, None] * B
        noise *= size
        E += noise
    return value, E


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
    if not rho:
        np.matmul(A.T, G, out=gradient[0])
        np.sum(G, axis=0, out=gradient[1])
        return value, (B @ G.T).T
    noise = A * A
    noise *= rho * s[:, None]
    mean = (B @ P.T).T
    variance = (np.square(B) @ P.T).T - mean * mean
    value += 0.5 * float(np.einsum("nh,nh->", noise, variance))
    mean *= noise
    by_class = (0.5 * np.square(B).T @ noise.T - B.T @ mean.T).T
    by_class -= np.einsum("nk,nk->n", P, by_class)[:, None]
    G += P * by_class
    np.matmul(A.T, G, out=gradient[0])
    gradient[0][...] += (noise.T @ P) * B - mean.T @ P
    np.sum(G, axis=0, out=gradient[1])
    variance *= A * (rho * s[:, None])
    return value, variance + (B @ G.T).T


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
    # Digits are told apart as well after 35 iterations as after 120, in a third of the time.
    max_iter=35,
)
