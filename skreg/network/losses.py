"""The loss on top of the last hidden units, and its dropout, averaged over the masks.

Dropout at rate q multiplies each hidden unit h_ij by 0 or 1 / (1 - q), which leaves its mean and
adds the variance rho h_ij^2, rho = q / (1 - q). Of the outputs z_i = c + h_i B this is noise of
covariance rho sum_j h_ij^2 B_j B_j', so that the expectation of the loss over all masks is, for
weights s of sum 1 and m_j = sum_i s_i h_ij^2,

    squared loss:  1/2 sum_i s_i |y_i - z_i|^2 + rho/2 sum_j m_j |B_j|^2                  exactly,
    log loss:      -sum_i s_i log p_i(y_i) + rho/2 sum_i s_i sum_j h_ij^2 Var_{p_i}(B_j)

to second order (Wager, Wang & Liang 2013), where Var_p is the variance over classes drawn from p.
Each loss takes the hidden units A (n, H), targets Y (n, k), s (n,), rho, and the last layer B, c;
it writes the gradient with respect to B and c and returns its value and the gradient with
respect to A. `eliminated` has no last layer: for squared loss the best one is a ridge regression.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.special import entr

Layer = tuple[NDArray, NDArray]  # weights (fan_in, fan_out) and biases (fan_out,)
Loss = Callable[[NDArray, NDArray, NDArray, float, Layer, Layer], tuple[float, NDArray]]

# A Gram matrix of float32 is off by some 1e-7 of its trace, often more than l2_lambda.
JITTER = 1e-5  # of the mean of its diagonal


def squared(
    A: NDArray, Y: NDArray, s: NDArray, rho: float, top: Layer, gradient: Layer
) -> tuple[float, NDArray]:
    """Return the expected squared loss, halved."""
    B, c = top
    R = A @ B
    R += c
    R -= Y
    sR = s[:, None] * R
    value = 0.5 * float(np.vdot(sR, R))
    np.matmul(A.T, sR, out=gradient[0])
    np.sum(sR, axis=0, out=gradient[1])
    E = _outer(sR, B)
    if rho:
        size = rho * np.square(B).sum(axis=1)
        sA = A * s[:, None]
        moments = np.einsum("nh,nh->h", sA, A)
        value += 0.5 * float(moments @ size)
        gradient[0][...] += (rho * moments)[:, None] * B
        sA *= size
        E += sA
    return value, E


def log_loss(
    A: NDArray, Y: NDArray, s: NDArray, rho: float, top: Layer, gradient: Layer
) -> tuple[float, NDArray]:
    """Return the expected cross-entropy of the softmax; Y (n, k) is one-hot."""
    B, c = top
    P = (B.T @ A.T).T
    P += c
    P -= P.max(axis=1, keepdims=True)
    value = -float(s @ np.einsum("nk,nk->n", Y, P))
    np.exp(P, out=P)
    total = P.sum(axis=1, keepdims=True)
    value += float(s @ np.log(total[:, 0]))
    P /= total
    G = P - Y
    G *= s[:, None]
    if not rho:
        np.matmul(A.T, G, out=gradient[0])
        np.sum(G, axis=0, out=gradient[1])
        return value, (B @ G.T).T
    noise = A * A
    noise *= rho * s[:, None]
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
    variance *= A
    variance *= rho * s[:, None]
    return value, variance + (B @ G.T).T


def eliminated(A: NDArray, Y: NDArray, s: NDArray, rho: float, l2: float) -> tuple[float, NDArray]:
    """Return the least expected squared loss plus l2/2 |B|^2 over all B and c, with its gradient.

    By the envelope theorem that is the gradient at the minimiser, as if it did not depend on A
    (variable projection, Golub & Pereyra 1973). Products are in the float type of A (n, H), the
    ridge regression is in float64.
    """
    root = np.sqrt(s)[:, None]
    mean = s @ A
    Ac = A - mean
    Ac *= root
    R = Y - s @ Y
    R *= root
    gram = (Ac.T @ Ac).astype(np.float64)
    moments = gram.diagonal() + np.square(mean, dtype=np.float64)
    factor, ridge = _factor(gram, l2 + rho * moments)
    B = cho_solve(factor, (Ac.T @ R).astype(np.float64), check_finite=False)
    size = np.square(B).sum(axis=1)
    R -= Ac @ B.astype(A.dtype)
    value = 0.5 * float(np.vdot(R, R)) + 0.5 * float(ridge @ size)
    R *= -root
    E = _outer(R, B.astype(A.dtype))
    if rho:
        Ac = A * (rho * size).astype(A.dtype)
        Ac *= s[:, None]
        E += Ac
    return value, E


def _outer(R: NDArray, B: NDArray) -> NDArray:
    """Return R B' (n, H) of R (n, k) and B (H, k), contiguous along rows."""
    # BLAS takes nine times as long for one target (9,527 rows, 50 units).
    return (B * R.T).T if B.shape[1] == 1 else (B @ R.T).T


def _factor(gram: NDArray, ridge: NDArray) -> tuple[tuple[NDArray, bool], NDArray]:
    """Return the Cholesky factor of gram + diag(ridge), and the ridge (H,) that it took."""
    for jitter in (0.0, JITTER, 100 * JITTER):
        diagonal = ridge + jitter * gram.diagonal().mean()
        C = gram.copy()
        C.flat[:: len(C) + 1] += diagonal
        try:
            return cho_factor(C, overwrite_a=True, check_finite=False), diagonal
        except LinAlgError:
            continue
    raise ValueError("The hidden units overflow float32. Use standardize=True.")


LOSSES: dict[str, Loss] = {"log": log_loss, "squared": squared}
# What the best constant loses: half the variance of Y, or the entropy of the classes.
CONSTANT_LOSSES: dict[str, Callable[[NDArray, NDArray], float]] = {
    "log": lambda Y, s: float(entr(s @ Y).sum()),
    "squared": lambda Y, s: 0.5 * float(s @ np.square(Y - s @ Y).sum(axis=1)),
}
