"""The problem of one estimator along its path parameter: all strengths together.

The penalty is linear in the strength t of the parameter. Where it is a lasso whose weights t scales
and the smaller side of the data is small, the solution is piecewise linear in t, and one exact path
has it at every strength (`solvers/pivoting.py`, `pivoting_near.py`). Where it is a ridge, one
eigendecomposition serves all strengths (`solvers/spectral.py`). Either way the gaps of all
strengths take three matrix products, and a strength whose gap is above the tolerance is solved
again by itself (`solvers/certified.py`); so is each strength of any other problem, started from the
one before.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .._objective import Penalty, add_to_diagonal
from .._solution import Settings, Solution
from ..linear.base import BaseRegularized
from ..problem.design import RowDesign
from ..problem.protocol import ALL, Problem, is_design
from ..solvers import certified, spectral
from ..solvers.certificate import bound_from_moments, rounding_errors
from ..solvers.piecewise import Path
from ..solvers.pivoting import lasso_path
from ..solvers.pivoting_near import lasso_path_near
from ..solvers.pivoting_rows import lasso_path_rows
from ..solvers.table import LARGE_SIDE, PIVOTING_SIDE
from . import grids

# Rows or columns up to which one exact path beats a working set for each strength. A hundred of
# them on 800 x 4000 take 1.8 s and 12 s, on 5000 x 1000 1.3 s either way.
EXACT_SIDE = 1000
FEW_PENALTIES = 8  # that are held, since each fold asks for those of the same chunks of the grid
CACHE_BYTES = 2**18  # of coefficients whose gaps are taken at a time
MANY_COEFS = 2**20  # of all strengths, more than which are not held if they can be found again
ROWS_BYTES = 2**28  # that a dense copy of the columns may take for it


@dataclass(frozen=True)
class PathSolution:
    """The solutions at m strengths: coefs (m, ..., p), dual gaps (m, ...), iterations (m,).

    `solvers` names the solver of each, and `alone` (m,) masks those that were solved on the rows by
    themselves.
    """

    coefs: NDArray
    dual_gaps: NDArray
    n_iters: NDArray
    solvers: list[str]
    alone: NDArray

    def __getitem__(self, k: int) -> Solution:
        """Return the solution at strength number k."""
        return Solution(self.coefs[k], self.dual_gaps[k], int(self.n_iters[k]), self.solvers[k])

    def relative_gap(self, target_norm2: NDArray) -> float:
        """Return the largest gap in units of |b|^2 / 2, for |b|^2 (...)."""
        return Solution(self.coefs, self.dual_gaps).relative_gap(target_norm2)


@dataclass(frozen=True)
class CoefPath:
    """The coefficients at m strengths: `alone` (m, ..., p), or what they are computed from.

    They are then alone (..., p) + (weights (m, k) * image (..., k)) @ vectors (p, k)'.
    """

    alone: NDArray
    weights: NDArray | None = None
    image: NDArray | None = None
    vectors: NDArray | None = None

    @classmethod
    def of_spectrum(cls, spectrum: spectral.Spectrum, ts: NDArray) -> CoefPath:
        """Return the coefficients at strengths (m,), as the fewer numbers."""
        n_targets = int(np.prod(spectrum.image.shape[:-1]))
        if len(ts) * n_targets <= len(spectrum.eigenvalues):
            return cls(spectrum.coefs(ts))
        if isinstance(spectrum, spectral.Primal):
            vectors = spectrum.vectors
            alone = spectrum.alone if spectrum.alone.any() else np.zeros(())
        elif isinstance(spectrum, spectral.Dual) and not len(spectrum.free.features):
            vectors = (spectrum.scale * spectrum.design.correlation(spectrum.vectors.T)).T
            alone = np.zeros(())
        else:
            return cls(spectrum.coefs(ts))
        return cls(alone, spectrum.inverse(ts), spectrum.image, vectors)

    def coefs(self) -> NDArray:
        """Return the coefficients (m, ..., p)."""
        if self.weights is None or self.image is None or self.vectors is None:
            return self.alone.copy()
        between = spectral.between_targets(self.weights, self.image.ndim + 1)
        return self.alone + (self.image * between) @ self.vectors.T


@dataclass(frozen=True)
class TracedCoefs:
    """The coefficients at m values of a problem, found again when they are asked for."""

    path: PathProblem
    values: NDArray

    def coefs(self) -> NDArray:
        """Return the coefficients (m, ..., p)."""
        # A copy, so that the paths it follows are not kept.
        return copy(self.path).trace(self.values).coefs


class PathProblem:
    """The problems of a validated estimator on some data, along its path parameter.

    Nothing here depends on the strength that the estimator was given, nor changes the estimator.
    """

    def __init__(self, estimator: BaseRegularized, problem: Problem) -> None:
        self.estimator, self.problem, self.solver = estimator, problem, estimator.solver
        self.settings = Settings(estimator.tol, estimator.max_iter, estimator.verbose)
        self.parameter = grids.PARAMETERS[estimator._path_parameter]
        model = copy(estimator)
        setattr(model, model._path_parameter, float(self.parameter.value(1.0)))
        self.unit = model._penalty(problem).exclude(problem.constant)
        setattr(model, model._path_parameter, 0.0)
        self.zero = model._penalty(problem).exclude(self.unit.excluded)
        self.is_fallback = False  # for strengths at which moments were not enough
        self.paths: list[Path] | None = None  # of the targets, as far down as was asked for so far
        self._start: NDArray | None = None
        self._penalties: dict[tuple, Penalty] = {}  # the latest, also of the folds

    def posed_on(self, problem: Problem, *, is_fallback: bool = True) -> PathProblem:
        """Return the same problem, with the same penalties, on another form of the same data."""
        other = copy(self)
        other.problem, other.is_fallback = problem, is_fallback
        other.paths = other._start = None
        vars(other).pop("spectrum", None)
        return other

    def of_fold(self, problem: Problem) -> PathProblem:
        """Return the problem of the same estimator on some of the rows."""
        is_of_data = self.parameter.is_of_data or self.estimator.standardize  # the penalty
        if is_of_data or np.any(problem.constant & ~self.unit.excluded):
            other = PathProblem(self.estimator, problem)
            other.settings = self.settings
            return other
        return self.posed_on(problem, is_fallback=False)

    def penalty(self, values: NDArray | float) -> Penalty:
        """Return the penalty at values (...) of the parameter: weights of shape (..., p)."""
        values = np.asarray(values)
        key = values.shape, values.tobytes()
        penalty = self._penalties.get(key)
        if penalty is None:
            t = np.asarray(self.parameter.strength(values))[..., None]
            l1 = self.zero.l1 + t * (self.unit.l1 - self.zero.l1)
            ridge = self.zero.ridge + t * (self.unit.ridge - self.zero.ridge)
            penalty = Penalty(l1, ridge, self.unit.positive).exclude(self.unit.excluded)
            if len(self._penalties) >= FEW_PENALTIES:
                self._penalties.clear()
            self._penalties[key] = penalty
        return penalty

    def solve(self, value: float, start: NDArray | None) -> Solution:
        """Return the certified solution at one value, from a start (..., p)."""
        return certified.solve(self.problem, self.penalty(value), self.solver, start, self.settings)

    def trace(
        self, values: NDArray, on_rows: Callable[[], PathProblem] | None = None
    ) -> PathSolution:
        """Return the solutions at the values (m,), descending.

        `on_rows` poses the problem on the rows that the moments are of, for strengths at which the
        moments are not enough.
        """
        ts = self.parameter.strength(values)
        found = self._all_at_once(ts) if self.solver == "auto" else None
        if found is None:
            return self._one_by_one(values, on_rows)
        coefs, n_iters, name, is_exact = found
        gaps = self.gaps(values, coefs)
        norm2 = self.problem.target_norm2
        targets = tuple(range(1, gaps.ndim))
        within = np.all(gaps <= self.settings.tol * 0.5 * norm2, axis=targets)
        names, alone = [name] * len(ts), ~(within & is_exact)
        failed = np.flatnonzero(alone)
        if len(failed) and on_rows is not None:
            rest = on_rows().trace(values[failed])
            coefs[failed], gaps[failed] = rest.coefs, rest.dual_gaps
            n_iters[failed] = rest.n_iters
            for k, name in zip(failed, rest.solvers, strict=True):
                names[k] = name
        for k in failed if on_rows is None else ():
            solution = self.solve(values[k], coefs[k])
            if is_exact[k] and np.max(solution.dual_gap) >= np.max(gaps[k]):
                continue
            coefs[k], gaps[k] = solution.coef, solution.dual_gap
            n_iters[k], names[k] = solution.n_iter, solution.solver
        return PathSolution(coefs, gaps, n_iters, names, alone)

    def held(
        self, values: NDArray, on_rows: Callable[[], PathProblem]
    ) -> tuple[CoefPath | TracedCoefs, PathSolution | None]:
        """Return the coefficients at the values (m,) to keep, and the solutions if computed.

        What they are computed from, a factorisation or the problem, is kept where that is less.
        """
        ts, spectrum = self.parameter.strength(values), self.spectrum
        if spectrum is not None and np.all(spectrum.resolves(ts) & (ts > 0)):
            return CoefPath.of_spectrum(spectrum, ts), None
        numbers = sum(part.size for part in vars(self.problem).values() if hasattr(part, "size"))
        size = len(values) * int(np.prod(self.problem.coef_shape))
        if self.has_exact_paths and size > max(numbers, MANY_COEFS):
            problem = self.problem  # without the paths that have been followed, and on its own X
            if isinstance(problem, RowDesign):
                problem = replace(problem, X=problem.X.copy())
            return TracedCoefs(self.posed_on(problem, is_fallback=False), values), None
        found = self.trace(values, on_rows)
        return CoefPath(found.coefs), found

    def gaps(self, values: NDArray, coefs: NDArray) -> NDArray:
        """Return the gaps (m, ...) at the values (m,) of coefs (m, ..., p), on this problem."""
        several = values.reshape(-1, *(1,) * (coefs.ndim - 2))
        correlation, norm2 = self.problem.evaluate(coefs)
        free, free_gap = np.flatnonzero(self.unit.free), np.zeros(norm2.shape)
        if len(free):  # what a least-squares step in them would gain
            slope = correlation[..., free]
            flat = slope.reshape(-1, len(free)).T
            step = np.linalg.lstsq(self.problem.gram(free), flat, rcond=None)[0].T
            gain = 0.5 * np.sum(slope * step.reshape(slope.shape), axis=-1)
            free_gap = np.maximum(gain, 0.0)
            correlation[..., free] = 0.0
        gap, tolerated = np.empty(norm2.shape), self.settings.tol * 0.5 * self.problem.target_norm2
        step = max(1, CACHE_BYTES // (8 * max(1, int(np.prod(coefs.shape[1:])))))
        for start in range(0, len(gap), step):
            some = slice(start, start + step)
            part = self.penalty(several[some])
            terms = coefs[some], correlation[some], norm2[some]
            gap[some] = part.dual_gap(*terms)
            if np.any(gap[some] > tolerated):
                gap[some] = part.dual_gap(*terms, rounding_errors(self.problem, coefs[some]))
        if self.unit.has_l1 and not len(free):  # then no part of the penalty is quadratic
            return gap
        return gap + free_gap + self._unresolved(values, coefs)

    def gaps_on(self, rows: PathProblem, values: NDArray, coefs: NDArray) -> NDArray:
        """Return the gaps (m, ...) on the rows that the moments here are of, or bounds on them.

        A bound from the moments serves as long as it is within the tolerance: one product with the
        rows for each strength would take longer than all else.
        """
        if not self.unit.has_l1 or self.unit.free.any() or not is_design(rows.problem):
            return rows.gaps(values, coefs)
        penalty = self.penalty(values.reshape(-1, *(1,) * (coefs.ndim - 2)))
        gaps = bound_from_moments(self.problem, rows.problem, penalty, coefs)
        above = self.settings.tol * 0.5 * self.problem.target_norm2 < gaps
        unsure = np.flatnonzero(above.any(axis=tuple(range(1, above.ndim))))
        if len(unsure):
            gaps[unsure] = rows.gaps(values[unsure], coefs[unsure])
        return gaps

    def _unresolved(self, values: NDArray, coefs: NDArray) -> NDArray:
        """Return what the objective may gain (m, ...) behind the rounding of moments."""
        positive = values[values > 0]
        if not len(positive):
            return np.zeros(coefs.shape[:-1])
        hidden = self.problem.unresolved(coefs, self.penalty(positive.min()))
        if self.unit.has_l1 or not hidden.any():  # else of ridges, the more the smaller they are
            return hidden
        each = zip(values, coefs, strict=True)
        return np.array([self.problem.unresolved(w, self.penalty(value)) for value, w in each])

    @cached_property
    def spectrum(self) -> spectral.Primal | spectral.Dual | None:
        """The factors that all strengths of a ridge share."""
        if self.unit.has_l1 or self.unit.positive:
            return None
        if self.problem.is_sparse and min(self.problem.shape) > LARGE_SIDE:
            return None
        return spectral.spectrum(self.problem, self.ridge_path)

    @property
    def ridge_path(self) -> spectral.RidgePath:
        """The ridge weights along the path."""
        return spectral.RidgePath.between(self.zero, self.unit)

    @property
    def has_exact_paths(self) -> bool:
        """Whether the solutions are piecewise linear in the strength, and a path short enough."""
        if not self.unit.has_l1 or self.zero.has_l1 or self.solver != "auto":
            return False
        if not np.array_equal(self.unit.ridge, self.zero.ridge):
            return False
        if self.unit.positive and np.any(self.unit.limit == 0):
            return False
        return min(self.problem.shape) <= EXACT_SIDE

    def with_kinks(self, values: NDArray) -> NDArray:
        """Return the values (m,) and, of a lasso path of a single target, the kinks between."""
        if not self.has_exact_paths or self.problem.cross.ndim > 1 or values[-1] == 0:
            return values
        self.paths = self.exact_paths(values[-1])
        knots = np.concatenate([path.knots for path in self.paths or []] + [values])
        return np.unique(knots[(knots >= values[-1]) & (knots <= values[0])])[::-1]

    def exact_paths(self, end: float) -> list[Path] | None:
        """Return the lasso path of each target down to strength `end`; None if one does not end."""
        v, ridge, positive = self.unit.l1, self.unit.ridge, self.unit.positive
        problem, kept = self.problem, np.flatnonzero(~self.unit.excluded)
        n, p = problem.shape
        paths, targets = [], list(np.ndindex(problem.coef_shape[:-1]))
        if self.is_fallback and 8 * n * len(kept) <= ROWS_BYTES and is_design(problem):
            A, penalty = problem.columns(kept), (v[kept], ridge[kept])
            for k in targets:
                paths.append(lasso_path_rows(A, problem.target[k], *penalty, end, positive))
        elif self.follows_table:
            G = add_to_diagonal(problem.gram(kept if len(kept) < p else ALL), ridge[kept])
            for k in targets:
                paths.append(lasso_path(G, problem.cross[k][kept], v[kept], end, positive))
        else:
            for k in targets:
                single = problem.select_target(k[0]) if k else problem
                paths.append(lasso_path_near(single, self.unit.limit, ridge, end, positive))
            kept = np.arange(p)
        found = [path for path in paths if path is not None]
        if len(found) < len(paths):
            return None
        return found if len(kept) == p else [path.among(kept, p) for path in found]

    @property
    def follows_table(self) -> bool:
        """Whether there are exact paths, in a tableau of all features (`pivoting.py`)."""
        n, p = self.problem.shape
        n_kept = p - int(self.unit.excluded.sum())
        return n >= p and n_kept <= PIVOTING_SIDE and self.has_exact_paths

    def _all_at_once(self, ts: NDArray) -> tuple[NDArray, NDArray, str, NDArray] | None:
        """Return coefs (m, ..., p), iterations (m,), the solver, and where they can be trusted."""
        if self.spectrum is not None:
            coefs = self.spectrum.coefs(ts)
            exact = self.spectrum.resolves(ts) & (ts > 0)  # 0 asks for the minimum norm
            return coefs, np.ones(len(ts), dtype=int), "spectral", exact
        positive = ts[ts > 0]
        if not len(positive) or not self.has_exact_paths:
            return None
        if self.paths is None or max(p.knots[-1] for p in self.paths) > positive.min():
            self.paths = self.exact_paths(float(positive.min()))
        if self.paths is None:
            return None
        coefs = np.zeros((len(ts), *self.problem.coef_shape))
        n_iters = np.ones(len(ts), dtype=int)
        for target, path in zip(np.ndindex(coefs.shape[1:-1]), self.paths, strict=True):
            coefs[(slice(None), *target, path.columns)] = path.at(ts)
            n_iters = np.maximum(n_iters, np.searchsorted(-path.knots, -ts))
        return coefs, n_iters, "pivoting", ts > 0

    def _one_by_one(
        self, values: NDArray, on_rows: Callable[[], PathProblem] | None
    ) -> PathSolution:
        """Return the solutions at the values (m,), each started from the one before."""
        found, alone = [], np.full(len(values), on_rows is None)
        rows = None
        for k, value in enumerate(values):
            solution = self.solve(value, self._start)
            if on_rows is not None and (
                value == 0 or not solution.is_within(self.settings.tol, self.problem.target_norm2)
            ):
                rows = rows or on_rows()
                solution, alone[k] = rows.solve(value, solution.coef), True
            self._start = solution.coef
            found.append(solution)
        coefs, gaps, n_iters = (
            np.array([getattr(solution, name) for solution in found])
            for name in ("coef", "dual_gap", "n_iter")
        )
        names = [solution.solver for solution in found]
        return PathSolution(coefs, gaps, n_iters, names, alone)
