"""What a solver is told and what it returns, and the one warning of a fit that did not converge."""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

OWN = "skreg", "sklearn"  # packages whose frames a warning does not point at


@dataclass(frozen=True)
class Settings:
    """The parameters of a fit that the solvers share; each takes what it needs."""

    tol: float
    max_iter: int
    verbose: int = 0
    learning_rate: float | str = "auto"
    average: bool = False
    random_state: np.random.RandomState | None = None
    dropout_rate: NDArray | None = None
    drop_to: str = "mean"


@dataclass(frozen=True)
class Solution:
    """Coefficients (..., p), their duality gap (...), the iterations, and the solver's name.

    The gap is NaN until the coefficients are certified. `loss_curve` (n_iter, ...) is the objective
    before each epoch of a training loop.
    """

    coef: NDArray
    dual_gap: NDArray | float = np.nan
    n_iter: int = 1
    solver: str = ""
    loss_curve: NDArray | None = None

    def relative_gap(self, target_norm2: NDArray) -> float:
        """Return the largest gap in units of |b|^2 / 2, for |b|^2 (...)."""
        scale = np.maximum(0.5 * target_norm2, np.finfo(float).tiny)
        return float(np.max(self.dual_gap / scale))

    def is_within(self, tol: float, target_norm2: NDArray) -> bool:
        """Return whether the relative gap is at most `tol`."""
        return bool(np.all(self.dual_gap <= tol * 0.5 * target_norm2))


def warn_not_converged(
    solution: Solution, target_norm2: NDArray, tol: float, remedy: str, where: str = ""
) -> None:
    """Warn of a relative gap above `tol`."""
    warnings.warn(
        f"{where}solver={solution.solver!r} did not converge: after {solution.n_iter} iterations "
        f"the duality gap is {np.max(solution.dual_gap):.3g}, relative to the null model "
        f"{solution.relative_gap(target_norm2):.3g} > tol={tol:.3g}. {remedy}",
        ConvergenceWarning,
        stacklevel=levels_to_the_user(),
    )


def levels_to_the_user() -> int:
    """Return how far up the stack from a function here the first caller of the library is."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] in OWN:
        level, frame = level + 1, frame.f_back
    return level
