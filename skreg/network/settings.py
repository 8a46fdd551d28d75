"""What to train, in one object that the solvers read; "auto" is decided here, by the rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .activations import ACTIVATIONS
from .losses import LOSSES
from .objective import Objective
from .scaling import Rows, Scaling

# Up to here "auto" takes "lbfgs". On 7,000 to 11,000 rows (kin8nm, power, naval) it takes a quarter
# of the time of Adam on (100, 100) units, and is better on the first; on 41,000 (protein) it loses.
LBFGS_ROWS = 15_000
# Digits are told apart as well after 35 iterations as after 120, in a third of the time.
ITERATIONS = {"squared": 120, "log": 35}  # of "lbfgs"
SIZES = {"lbfgs": (50,), "adam": (100, 100)}


@dataclass(frozen=True)
class Settings:
    """`hidden` sizes (L), dropout `rates` (L + 1) of inputs and hidden layers, and the solver.

    `is_one_pass` is one epoch of Adam with a constant step, and nothing exact after it;
    `shortened` divides the number of iterations.
    """

    loss: str
    hidden: tuple[int, ...] | None
    rates: tuple[float, ...]
    l1: float
    l2: float
    activation: str
    solver: str
    max_iter: int
    tol: float
    batch_size: int
    learning_rate: float
    standardize: bool
    verbose: int
    is_one_pass: bool = False
    shortened: int = 1

    @property
    def is_linear(self) -> bool:
        """Whether the whole network is one exact linear regression."""
        return self.hidden == () and self.loss == "squared" and not self.is_one_pass

    @property
    def eliminates(self) -> bool:
        """Whether the last layer is a ridge regression, solved for every step of the others."""
        return self.solver == "lbfgs" and self.loss == "squared" and not self.l1

    def completed(self, rows: Rows) -> Settings:
        """Return the settings with what is left open, "auto" or 0, chosen for these rows."""
        n, solver = len(rows.s), self.solver
        is_sampled = any(self.rates[:-1])
        if solver == "auto":
            is_large = rows.is_sparse or n > LBFGS_ROWS
            solver = "adam" if is_large or is_sampled or self.is_one_pass else "lbfgs"
        if solver == "lbfgs" and is_sampled:
            raise ValueError(
                "solver='lbfgs' averages over the masks of the last hidden layer only; dropout of "
                "inputs or of lower layers needs solver='adam'."
            )
        if solver == "lbfgs" and rows.is_sparse and not self.is_linear:
            raise TypeError("Sparse X needs solver='adam'; use X.toarray() with solver='lbfgs'.")
        most = ITERATIONS[self.loss] if solver == "lbfgs" else np.clip(800_000 // n, 15, 150)
        max_iter = 1 if self.is_one_pass else self.max_iter or int(min(most, 20 + n // 3))
        batch_size = min(n, self.batch_size or max(200, n // 200))
        max_iter = -(-max_iter // self.shortened)
        chosen = replace(self, solver=solver, max_iter=max_iter, batch_size=batch_size)
        return chosen.with_sizes(SIZES[solver]) if self.hidden is None else chosen

    def with_sizes(self, hidden: tuple[int, ...]) -> Settings:
        """Return the settings with sizes of hidden layers in place of "auto"."""
        return replace(self, hidden=hidden, rates=self.rates[:1] + self.rates[1:] * len(hidden))

    def sizes(self, rows: Rows) -> tuple[int, ...]:
        """Return the number of inputs, of units of each hidden layer, and of outputs."""
        return rows.X.shape[1], *(self.hidden or ()), rows.Y.shape[1]

    def objective(self, eliminates: bool = False) -> Objective:
        """Return the objective of all layers, or of all but the last, which is eliminated."""
        loss = None if eliminates else LOSSES[self.loss]
        return Objective(ACTIVATIONS[self.activation], self.rates, loss, self.l1, self.l2)

    def scaling(self, rows: Rows) -> Scaling:
        """Return the scaling of the rows; classes are never scaled."""
        return Scaling.of(rows, self.standardize, self.standardize and self.loss == "squared")
