"""Strengths chosen by folds, whose networks are the model.

One network per fold follows the strengths l2 from weak to strong, each from where the one before
ended. Each dropout rate, from low to high, begins anew, or, where that would take Adam too long,
from the weakest l2 of the rate before. A path ends when the error of the ensemble has been above
its least for two strengths, since it may rise and fall again on noisy tables. The search ends with
the first rate whose path is worse than the one before. No row is lost to early stopping, and the
held-out residuals give intervals (`held_out`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import KW_ONLY, dataclass, replace
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import _fit_context, is_classifier
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    check_cv,
)
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import StrOptions

from ..linear.base import unchanged_on_error
from ..model_selection.callbacks import CallbackSupportMixin
from .ensemble import LBFGS_ROWS, BaseNetwork
from .held_out import HeldOut
from .training import Network, Rows

N_FOLDS, N_REPEATS = 5, 2
PATIENCE = 2  # strengths above the least error of a path, after which it ends
SHORTER = 4  # times fewer iterations for a network that starts where another ended

Split = tuple[NDArray, NDArray]


@dataclass(repr=False, eq=False)
class NetworkCV(CallbackSupportMixin, BaseNetwork):
    """The search over dropout rates and L2 strengths, for either loss."""

    _: KW_ONLY
    dropout_rates: Sequence[float] = (0.0, 0.002, 0.01, 0.05)
    l2_lambdas: Sequence[float] = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
    cv: Any = None
    scoring: str | Callable | None = None

    _held_out_error: ClassVar[Callable[[HeldOut], float]]
    _parameter_constraints: ClassVar[dict] = {
        **BaseNetwork._parameter_constraints,
        "dropout_rates": ["array-like"],
        "l2_lambdas": ["array-like"],
        "cv": ["cv_object"],
        "scoring": [StrOptions(set(get_scorer_names())), callable, None],
    }

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, groups=None):
        """Choose dropout rate and strength, and keep the networks of the folds.

        Parameters
        ----------
        X : {array-like, sparse matrix or array} of shape (n_samples, n_features)
            The inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The targets; classes in one column.
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative row weights, in the fits and in the errors. None weighs all alike.
        groups : array-like of shape (n_samples,), default=None
            Rows of one group, such as the visits of one patient, are held out together.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            As by `NetworkRegressor.fit`, and for a fold without rows of positive weight.

        Warns
        -----
        ConvergenceWarning
            If a training of the chosen networks failed.
        """
        with unchanged_on_error(self):
            rates = check_array(self.dropout_rates, ensure_2d=False, input_name="dropout_rates")
            l2_lambdas = check_array(self.l2_lambdas, ensure_2d=False, input_name="l2_lambdas")
            if np.any(l2_lambdas < 0):
                raise ValueError(f"l2_lambdas must be nonnegative; got {self.l2_lambdas}.")
            if not np.all((rates >= 0) & (rates < 1)):
                raise ValueError(f"dropout_rates must be in [0, 1); got {self.dropout_rates}.")
            rows = self._rows(X, y, sample_weight)
            random = check_random_state(self.random_state)
            splits = self._splits(rows, np.asarray(y), groups, random)
            seeds = random.randint(2**31 - 1, size=len(splits))
            context = self._init_callback_context(max_subtasks=len(rates) * len(l2_lambdas))
            context.call_on_fit_task_begin(estimator=self, X=X, y=y)
            parts = [rows.take(train).as_weighted_set() for train, _ in splits]
            for rate in rates:  # what a solver cannot do is said before any training
                self._plan(parts[0], rate, 0.0)
            best, path_before = np.inf, np.inf
            results: list[tuple[float, float, float]] = []
            weakest: list = [None] * len(splits)
            for rate in np.sort(rates):
                networks, path = weakest, list[float]()
                for l2 in np.sort(l2_lambdas):
                    task = context.subcontext(task_name="candidate")
                    task.call_on_fit_task_begin(estimator=self)
                    objective, trainer = self._plan(parts[0], rate, l2)
                    trainer = replace(trainer, verbose=0)
                    if networks[0]:
                        trainer = replace(trainer, max_iter=-(-trainer.max_iter // SHORTER))
                    networks = self._train(parts, (objective, trainer), seeds, networks)
                    held = self._held_out(rows, splits, networks)
                    if trainer.name == "adam" and not path:
                        weakest = networks
                    path.append(self._error(held, y, sample_weight))
                    results.append((rate, l2, -path[-1]))
                    if len(results) == 1 or path[-1] < best:
                        chosen, best = (networks, trainer.name, held), path[-1]
                        self.dropout_rate_, self.l2_lambda_ = rate, l2
                    if self.verbose:
                        print(f"dropout_rate {rate:g}, l2_lambda {l2:g}: error {path[-1]:.6g}")
                    task.call_on_fit_task_end(estimator=self)
                    if len(path) - 1 - np.argmin(path) >= PATIENCE:
                        break
                if min(path) > path_before:
                    break
                path_before = min(path)
            self.best_score_ = -best
            names = "dropout_rate", "l2_lambda", "score"
            self.cv_results_ = dict(zip(names, np.array(results).T, strict=True))
            networks, solver, held = chosen
            self.oof_prediction_ = self._shaped(held.mean)
            if not is_classifier(self):
                self._held = held  # for intervals
            self._keep(networks, solver)
            context.call_on_fit_task_end(estimator=self, X=X, y=y)
            return self

    def _splits(self, rows: Rows, y: NDArray, groups: Any, random: Any) -> list[Split]:
        """Return rows to train on, those of weight, and rows to hold out, for each network."""
        cv = N_FOLDS if self.cv is None else self.cv
        if isinstance(cv, Integral):
            plain, grouped = KFold, GroupKFold
            if is_classifier(self):
                plain, grouped = StratifiedKFold, StratifiedGroupKFold
            kind = plain if groups is None else grouped
            repeats = N_REPEATS if len(rows.s) <= LBFGS_ROWS else 1
            seeds = random.randint(2**31 - 1, size=repeats)
            splitters = [kind(int(cv), shuffle=True, random_state=seed) for seed in seeds]
        else:
            splitters = [check_cv(cv, y, classifier=is_classifier(self))]
        splits = [pair for each in splitters for pair in each.split(rows.X, y, groups)]
        splits = [(train[rows.s[train] > 0], held) for train, held in splits]
        if not all(len(train) and np.any(rows.s[held]) for train, held in splits):
            raise ValueError("Each fold of cv needs rows of positive sample_weight, and others.")
        return splits

    def _held_out(self, rows: Rows, splits: list[Split], networks: list[Network]) -> HeldOut:
        """Return what the networks of the folds predict of the rows that they have not seen."""
        shape = len(splits), len(rows.s)
        held = HeldOut(rows.Y, rows.s, np.zeros(shape, bool), np.zeros((*shape, rows.Y.shape[1])))
        for k, ((_, out), network) in enumerate(zip(splits, networks, strict=True)):
            held.unseen[k, out] = True
            held.predictions[k, out] = self._outputs(rows.X[out], network)
        return held

    def _error(self, held: HeldOut, y: Any, sample_weight: Any) -> float:
        """Return the error of the ensemble, or what `scoring` says of held-out predictions."""
        if self.scoring is None:
            return type(self)._held_out_error(held)
        some = np.flatnonzero(held.unseen.any(axis=0))
        weights = None if sample_weight is None else np.asarray(sample_weight)[some]
        given = {} if weights is None else {"sample_weight": weights}
        model = copy(self)
        # The scorer is given the held-out predictions as X, and this model predicts X itself.
        model.__dict__["_member_predictions"] = lambda predictions: predictions[None]
        scorer = check_scoring(model, self.scoring)
        return -scorer(model, held.mean[some], np.asarray(y)[some], **given)
