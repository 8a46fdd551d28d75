"""The lasso paths of all folds of a table, followed side by side.

On a table of moments a step of a path takes a few microseconds, less than the calls of NumPy that
ask for it. So the tableaux of all folds and of all rows, one for each target, are stacked
(`solvers/pivoting.py`), and their paths handed to the problems, which take the coefficients, the
duality gaps and the errors at all values from them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._objective import add_to_diagonal
from ..problem.protocol import ALL
from ..solvers.pivoting import LassoPaths
from .path_problem import PathProblem

TABLEAUX_BYTES = 2**26  # that the tableaux of paths followed side by side may take


class FoldPaths:
    """The paths of the problems of all rows and of each fold's training rows."""

    def __init__(self, problems: Sequence[PathProblem]) -> None:
        self.problems = problems
        grams = [add_to_diagonal(each.problem.gram(ALL), each.unit.ridge) for each in problems]
        crosses = [each.problem.cross.reshape(-1, each.problem.n_features) for each in problems]
        self.n_targets = len(crosses[0])
        G, limits = np.array(grams), np.array([each.unit.limit for each in problems])
        G, limits = (np.repeat(part, self.n_targets, axis=0) for part in (G, limits))
        self.paths = LassoPaths(G, np.concatenate(crosses), limits, problems[0].unit.positive)

    @classmethod
    def of(cls, problems: Sequence[PathProblem]) -> FoldPaths | None:
        """Return those of the problems, None where there are no such paths, or too many."""
        size = 8 * sum(each.problem.cross.size * each.problem.n_features for each in problems)
        if size > TABLEAUX_BYTES or not all(each.follows_table for each in problems):
            return None
        return cls(problems)

    def follow(self, end: float) -> None:
        """Follow all paths down to the strength `end`, and hand them to the problems."""
        self.paths.follow(end)
        found = self.paths.paths(end)
        for k, each in enumerate(self.problems):
            own = [path for path in found[k * self.n_targets :][: self.n_targets] if path]
            each.paths = own if len(own) == self.n_targets else None
