"""Leave-one-out in closed form, for the penalties that are quadratic.

With the penalty of the whole fit kept, that is S * ridge beside the sum of the squared errors of
the other rows, the error on the row i left out is

    e_i = r_i / (1 - h_i)

for its residual r_i and its leverage h_i in the whole fit, the diagonal of the hat matrix: that of
what is fitted without penalty (the intercept, the free features) is sum_f Q_if^2 for the basis Q,
that of the others comes from the factors of `solvers/spectral.py`. With p <= n and Z = A V for
the eigenvectors V,

    h_i(t) = sum_f Q_if^2 + sum_k Z_ik^2 / (L_k + t),      r(t) = b - Z (L + t)^-1 V'A'b;

with p > n, where 1 - h would cancel, and U = (I - QQ') times the eigenvectors of the kernel,

    1 - h_i(t) = t sum_k U_ik^2 / (L_k + t),           r_i(t) = t sum_k U_ik (U'b)_k / (L_k + t).

A row with h_i = 1 is alone in determining some coefficient: it is left out by a fit without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from .. import solvers
from .._linalg import EPS
from ..problem.rows import Rows
from ..solvers.elimination import Elimination
from ..solvers.spectral import Dual, Primal, Spectrum, spectrum
from ..solvers.threads import factoring
from .family import Family
from .folds import Data, SharingRows

SATURATED = 1e-10  # of 1 - h: at less than that, rounding decides
FAINT = 1e-100  # of the largest eigenvalue

Factors = Spectrum | Elimination
Errors = Iterator[tuple[NDArray, NDArray, NDArray]]


def left_out_errors(family: Family, data: Data, rows: SharingRows, values: NDArray) -> Errors:
    """Yield indices of values (k,) and of rows (r,), and their errors when left out (k, ..., r).

    `family` poses the problems of the estimator on all of the data, and `rows` is the view of it.
    Rows of weight zero are not among them.
    """
    for ks, factors, ts in factorisations(family, rows, values):
        for some, errors, room in _errors(factors, rows, ts):
            errors /= rows.root[some]
            for k, i in np.argwhere(np.broadcast_to(room <= SATURATED, (len(ks), len(some)))):
                errors[k, ..., i] = _refit_error(family, data, values[ks[k]], rows.index[some[i]])
            yield ks, rows.index[some], errors


def factorisations(
    family: Family, rows: Rows, values: NDArray
) -> Iterator[tuple[NDArray, Factors, NDArray]]:
    """Yield indices of the values (k,) that share factors, these, and the strengths (k,) there.

    A value that shares none is alone, at strength 1 of its own ridge; one without any ridge is
    least squares, with the factors of its free features.
    """
    penalties = [family.penalty(value) for value in values]
    shared = np.array([np.array_equal(p.free, family.unit.free) for p in penalties])
    shared &= family.spectrum is not None
    if shared.any():
        yield np.flatnonzero(shared), family.spectrum, family.axis.strength(values[shared])
    nothing = np.zeros(rows.n_features)
    for k in np.flatnonzero(~shared):
        penalty = penalties[k]
        own = spectrum(rows, penalty, nothing, penalty.finite[1])
        if own is not None:
            yield np.array([k]), own, np.ones(1)
        else:
            yield np.array([k]), Elimination(rows, penalty), np.zeros(1)


def _errors(factors: Factors, rows: Rows, ts: NDArray) -> Errors:
    """Yield rows (r,), their weighted errors (m, ..., r), and what is left of 1 - h (m or 1, r)."""
    if isinstance(factors, Spectrum):
        rest, sides = factors.rest(rows), factors.factors
    elif _is_saturated(factors):
        rest, sides = rows, _kernel(factors)
    else:
        rest, sides = factors.rest[0], None
    basis = rest.basis @ np.eye(len(rest.overlap))  # of a sparse X it may be an operator
    room = 1.0 - np.einsum("if,if->i", basis, basis)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # to be refitted
        yield from WAYS[type(sides)](sides, rest, room, ts)


def _is_saturated(problem: Elimination) -> bool:
    """Return whether least squares of the free features fits every row."""
    return problem.rank + len(problem.view.overlap) >= np.count_nonzero(problem.view.counted)


def _kernel(problem: Elimination) -> Dual:
    """Return the kernel of the free features: their least squares is its limit at t = 0."""
    return Dual.of(problem.view, problem.free, np.zeros(0), np.ones(len(problem.free)))


def _unpenalised(factors: None, rest: Rows, room: NDArray, ts: NDArray) -> Errors:
    """Yield the errors of least squares: what is left of the target is its residual."""
    some = np.flatnonzero(rest.counted)
    yield some, (rest.target / room)[None, ..., some], room[None, some]


def _primal(factors: Primal, rest: Rows, room: NDArray, ts: NDArray) -> Errors:
    """Yield the errors from the p x p side.

    In the terms of the unit columns of Z, all m strengths are mixtures of a few.
    """
    size = factors.eigenvalues + max(ts.min(), factors.noise)
    mixing, few = _low_rank(size * factors.inverse(ts[:, None]))
    along = np.expand_dims(factors.image / np.sqrt(size), -2) * few  # (..., l, k)
    flat = along.reshape(-1, along.shape[-1])
    index = np.arange(rest.shape[0])
    for rows, image in rest.images(
        factors.vectors / np.sqrt(size), len(flat) * len(ts) // len(few)
    ):
        fitted = mixing @ (flat @ image.T).reshape(*along.shape[:-1], -1)  # (..., m, r)
        left = room[rows] - mixing @ (few @ np.square(image, out=image).T)
        errors = np.subtract(np.expand_dims(rest.target[..., rows], -2), fitted, out=fitted)
        errors /= left
        yield index[rows], np.moveaxis(errors, -2, 0), left


def _low_rank(shares: NDArray) -> tuple[NDArray, NDArray]:
    """Return factors (m, l) and (l, k) of an array (m, k) of numbers up to 1, to rounding."""
    with factoring(max(shares.shape)):
        Q, R, order = linalg.qr(shares, mode="economic", pivoting=True, check_finite=False)
    size = np.abs(np.diag(R))
    rank = max(1, np.count_nonzero(size > EPS * size[0]))
    few = np.empty((rank, shares.shape[1]))
    few[:, order] = R[:rank]
    return Q[:, :rank], few


def _dual(factors: Dual, rest: Rows, room: NDArray, ts: NDArray) -> Errors:
    """Yield the errors from the n x n side."""
    some = np.flatnonzero(rest.counted)
    U = factors.vectors.T[:, some]
    null = factors.eigenvalues <= len(U) * EPS * factors.eigenvalues.max()
    L = np.where(null, 0.0, factors.eigenvalues)
    along = rest.target[..., some] @ U.T

    def ratio(inverse: NDArray) -> tuple[NDArray, NDArray]:
        """Return r / (1 - h) (m, ..., r) and (1 - h) / t (m, r), from the inverse of L + t."""
        weights = _amid(inverse, along.ndim + 1) * along
        left = inverse @ np.square(U)
        return weights @ U / _amid(left, along.ndim + 1), left

    if ts.all():
        least = FAINT * (L.max() or 1.0)  # as good as any below it, and not to be divided by
        errors, _ = ratio(1.0 / (L + np.maximum(ts, least)[:, None]))
    else:  # in the limit t = 0 what the kernel does not reach outweighs all else
        outside, beyond = ratio(null[None, :].astype(float))
        inside, _ = ratio(np.divide(1.0, L, where=~null, out=np.zeros_like(L))[None, :])
        errors = np.where(_amid(beyond > SATURATED, along.ndim + 1), outside, inside)
    yield some, errors, room[None, some]


WAYS = {Primal: _primal, Dual: _dual, type(None): _unpenalised}
"""How to get the errors from which factors."""


def _amid(values: NDArray, ndim: int) -> NDArray:
    """Return values (m, r) as (m, 1, ..., r), of as many axes."""
    return values.reshape(len(values), *(1,) * (ndim - 2), -1)


def _refit_error(family: Family, data: Data, value: float, row: int) -> NDArray:
    """Return the error (...) on a row of a fit without it, at the same penalty."""
    others = np.ones(len(data.y))
    weights = others.copy() if data.weights is None else data.weights
    others[row] = 0.0
    view = data.view(others)
    # Not the total less its own weight, which may be all of it, to rounding.
    growth = 1.0 + weights[row] / (weights @ others)
    penalty = family.penalty(value)
    with np.errstate(over="ignore"):  # no row of any weight is left then
        penalty = replace(penalty, ridge=penalty.ridge * growth)
    penalty = penalty.exclude(np.isinf(penalty.ridge))
    if view.fit_intercept:
        penalty = penalty.exclude(view.constant())
    w = solvers.minimise(view, penalty, "auto", None, family.settings)[0].coef
    return data.y[row] - data.predictions(np.array([row]), w, view.intercept(w))[..., 0]
