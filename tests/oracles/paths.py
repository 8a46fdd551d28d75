"""What every lasso path is judged by: the conditions of optimality, in extended precision."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal


def standard_form(n, p, seed=0, correlated=0.5):
    """Return centred columns A (n, p) that share a factor, and b (n,), on the scale of 1/n."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(n, p)) + correlated * rng.normal(size=(n, 1)) * rng.normal(size=p)
    b = A[:, :4] @ [3.0, -2.0, 1.0, 0.5] + rng.normal(size=n)
    return (A - A.mean(axis=0)) / np.sqrt(n), (b - b.mean()) / np.sqrt(n)


def assert_optimal(A, b, v, ridge, positive, strengths, coefs, atol=1e-12):
    """The conditions of optimality hold at each strength."""
    A, b = A.astype(np.longdouble), b.astype(np.longdouble)
    scale = float(np.max(np.abs(A.T @ b)))
    for t, w in zip(strengths, coefs, strict=True):
        finite = np.isfinite(v)
        assert_array_equal(w[~finite], 0)
        if positive:
            assert np.all(w[v > 0] >= -1e-12)
        q = (A.T @ (b - A @ w.astype(np.longdouble)) - ridge * w)[finite]
        bound, w = t * v[finite], w[finite]
        assert_allclose(q[w != 0], (bound * np.sign(w))[w != 0], atol=atol * scale)
        assert np.all((q if positive else np.abs(q)) <= bound + atol * scale)


def copies_and_dummy_columns():
    """Centred A (60, 14) and b (60,): the dummies of six levels, copies, sums and a constant."""
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 6, 60)
    X = np.c_[np.eye(6)[codes], rng.normal(size=(60, 4))]
    X = np.c_[X, X[:, 6], X[:, 2], X[:, 3] + X[:, 4], np.full(60, 0.25)]
    y = np.arange(6.0)[codes] + rng.normal(size=60)
    return (X - X.mean(axis=0)) / np.sqrt(60), (y - y.mean()) / np.sqrt(60)
