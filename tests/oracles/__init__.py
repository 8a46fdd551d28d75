"""Oracles: what a fit is judged by. No number comes from skreg, whose solvers are on trial.

`problem` states the objective in plain NumPy, bounds how far coefficients are from its minimum and
finds that minimum by coordinate descent. `convex` asks a generic convex solver, `exact` computes in
50 digits, `masks` draws dropout's masks, `glmnet` reads the figures that R recorded, and `names`
has the solvers to try.
"""

from contextlib import contextmanager

from .names import DENSE_ONLY, EXACT, LOOP, RIDGE_ONLY, solvers_for
from .problem import (
    Problem,
    assert_certified,
    assert_coef,
    assert_same_fit,
    regression,
    solve,
    sparse_regression,
)


@contextmanager
def noted(*what):
    """Name the case of a loop in the error that it ends with."""
    try:
        yield
    except BaseException as error:
        error.add_note(" ".join(map(str, what)))
        raise


__all__ = [
    "DENSE_ONLY",
    "EXACT",
    "LOOP",
    "RIDGE_ONLY",
    "Problem",
    "assert_certified",
    "assert_coef",
    "assert_same_fit",
    "noted",
    "regression",
    "solve",
    "solvers_for",
    "sparse_regression",
]
