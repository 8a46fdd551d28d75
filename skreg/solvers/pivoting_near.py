"""The exact lasso path for many columns: pivoting on those near their bound.

    minimise 1/2 |b - A w|^2 + 1/2 sum_j ridge_j w_j^2 + t sum_j v_j |w_j|

for every t from the largest down to `end`. Far from its bound a feature does nothing. So only the
features near it are followed, by their Gram matrix (`pivoting.py`), and from time to time all
features are looked at. If another one is found beyond its bound, it joins them, and the path is
taken again from the look before. A look takes the residual from the data, which corrects what the
pivots have lost to rounding.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._objective import add_to_diagonal
from ..problem.protocol import Problem
from .piecewise import Path
from .pivoting import LassoPaths

# Ratio of t between two looks, their number, and the share of its bound at which a feature is near.
STRETCH, LOOKS, NEAR = 0.6, 32, 0.9
FEWEST = 30  # features that may join at a look; those with one common factor are all near at once
BEYOND = 1e-9  # of its bound: a correlation that exceeds it by less does so by rounding


class NearPath:
    """The path of a problem with a single target, as far as it has been followed.

    `features` (k,) are those that are followed. An excluded feature has v_j = inf, which becomes 0
    in the attribute `v` (p,).
    """

    def __init__(self, problem: Problem, v: NDArray, ridge: NDArray, positive: bool) -> None:
        self.problem, self.ridge, self.positive = problem, ridge, positive
        self.excluded = problem.constant | np.isinf(v)
        self.v = v = np.where(self.excluded, 0.0, v)
        self.features = np.flatnonzero((v == 0) & ~self.excluded)
        gram = add_to_diagonal(problem.gram(self.features), ridge[self.features])
        cross = problem.cross[self.features]
        self.paths = LassoPaths(gram[None], cross[None], v[self.features][None], positive)
        self.correlation = problem.cross
        for _ in range(2 if len(self.features) else 0):
            self._look()
        pull = self._pull()
        share = np.divide(pull, v, where=v > 0, out=np.zeros(len(pull)))
        self._join(self._beyond(NEAR * float(share.max(initial=0.0))))
        self.paths.start()

    @property
    def t(self) -> float:
        """The strength that has been reached."""
        return self.paths.t.item()

    def follow(self, stop: float) -> bool:
        """Go on to `stop`; return whether it is reached."""
        before = self.features, self.paths, self.correlation
        new = self._beyond(NEAR * self.t)
        while True:
            self._join(new)
            self.paths.follow(stop)
            if self.t > stop:
                return False
            self._look()
            more = self._beyond((1.0 + BEYOND) * stop)
            if not len(more):
                return True
            new = np.append(new, more)
            self.features, self.paths, self.correlation = before

    def path(self) -> Path | None:
        """Return the path followed."""
        path = self.paths.paths(self.t)[0]
        return None if path is None else path.among(self.features, len(self.v))

    def _pull(self) -> NDArray:
        """Return how strongly the residual pulls the coefficients away from zero (p,)."""
        return self.correlation if self.positive else np.abs(self.correlation)

    def _beyond(self, t: float) -> NDArray:
        """Return the features (m,) whose pull is at least their bound at t, if they are new.

        If there are many, return the strongest: as many as are active, and at least FEWEST.
        """
        pull = self._pull()
        is_found = (pull >= t * self.v) & (pull > 0) & ~self.excluded
        is_found[self.features] = False
        found = np.flatnonzero(is_found)
        most = max(FEWEST, int(np.count_nonzero(self.paths.coefs())))
        if len(found) <= most:
            return found
        return found[np.argpartition(-pull[found] / self.v[found], most)[:most]]

    def _join(self, new: NDArray) -> None:
        """Let features (m,) join those that are followed, in a copy of these."""
        k = len(self.features)
        self.features = np.append(self.features, new)
        columns = self.problem.gram(self.features, new)
        add_to_diagonal(columns[k:], self.ridge[new])
        self.paths = self.paths.joined(
            columns[None], self.correlation[new][None], self.v[new][None]
        )

    def _look(self) -> None:
        """Take the correlations (p,) from the data, and correct the path by them."""
        w = np.zeros(len(self.v))
        w[self.features] = self.paths.coefs()[0]
        self.correlation = self.problem.evaluate(w)[0]
        self.paths.refine((self.correlation - self.ridge * w)[self.features][None])


def lasso_path_near(
    problem: Problem, v: NDArray, ridge: NDArray, end: float, positive: bool
) -> Path | None:
    """Return the path of a problem with a single target; None if it does not end."""
    path = NearPath(problem, v, ridge, positive)
    stops = path.t * STRETCH ** np.arange(1.0, LOOKS)
    for stop in [*stops[stops > end], end] if path.t > end else []:
        if not path.follow(float(stop)):
            return None
    return path.path()
