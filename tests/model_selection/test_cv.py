"""The cross-validating estimators: what they set, warn of and refuse."""

import pickle
import re
import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from oracles import assert_certified, regression
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import RidgeCV
from sklearn.metrics import get_scorer, mean_squared_error
from sklearn.model_selection import GroupKFold, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skreg
from skreg import (
    DropoutRegressor,
    DropoutRegressorCV,
    L1Regressor,
    L1RegressorCV,
    L2Regressor,
    L2RegressorCV,
    regularization_path,
)

not_at_the_edge = pytest.mark.filterwarnings("ignore:The chosen .* of the grid:UserWarning")
REGRESSOR = {L1RegressorCV: L1Regressor, L2RegressorCV: L2Regressor}
REGRESSOR[DropoutRegressorCV] = DropoutRegressor
GRID = {L1RegressorCV: "lambdas", L2RegressorCV: "lambdas", DropoutRegressorCV: "dropout_rates"}
CHOSEN = {cls: f"{parent._path_parameter}_" for cls, parent in REGRESSOR.items()}
VALUES = np.array([0.9, 0.4, 0.1, 0.03, 0.01])
each = pytest.mark.parametrize("cls", REGRESSOR, ids=lambda cls: cls.__name__)
modes = pytest.mark.parametrize(
    ("cls", "options"),
    [
        (L1RegressorCV, {}),
        (L1RegressorCV, {"cv": 3, "l2_lambda": 0.1, "positive": True}),
        (L1RegressorCV, {"criterion": "bic"}),
        (L2RegressorCV, {}),
        (L2RegressorCV, {"cv": 3}),
        (L2RegressorCV, {"positive": True}),
        (L2RegressorCV, {"criterion": "gcv"}),
        (DropoutRegressorCV, {}),
        (DropoutRegressorCV, {"cv": 3, "drop_to": "zero", "l2_lambda": 0.1}),
        (DropoutRegressorCV, {"l1_lambda": 0.1}),
    ],
)


def grid(cls, values=VALUES, **options):
    return cls(**{GRID[cls]: values}, **options)


# ---------------------------------------------------------------------------- what is set


@modes
@pytest.mark.parametrize(
    ("shape", "targets"), [((40, 6), 2), ((20, 30), None)], ids=["tall, 2 targets", "wide"]
)
@not_at_the_edge
def test_the_model_is_certified_at_the_chosen_value(cls, options, targets, shape):
    X, y = regression(*shape, targets=targets)
    if options.get("criterion") == "bic":
        options = {**options, "noise_variance": 0.3}
    s = np.random.default_rng(0).uniform(0.5, 2, len(y))
    model = grid(cls, **options).fit(X, y, s)
    chosen = getattr(model, CHOSEN[cls])
    own = {k: v for k, v in model.get_params().items() if k in REGRESSOR[cls]().get_params()}
    regressor = REGRESSOR[cls](**{**own, CHOSEN[cls][:-1]: chosen})
    for name in ("coef_", "intercept_", "dual_gap_"):
        setattr(regressor, name, getattr(model, name))
    assert_certified(regressor, X, y, s)
    assert chosen in VALUES
    assert_array_equal(getattr(model, f"{GRID[cls]}_"), np.sort(VALUES)[::-1])
    assert model.n_iter_ >= 1
    assert isinstance(model.solver_, str)
    assert model.predict(X).shape == y.shape


@modes
@pytest.mark.parametrize("targets", [None, 2])
@not_at_the_edge
def test_the_path_of_all_data_comes_along(cls, options, targets):
    X, y = regression(40, 6, targets=targets)
    model = grid(cls, **options).fit(X, y)
    own = {k: v for k, v in model.get_params().items() if k in REGRESSOR[cls]().get_params()}
    path = regularization_path(REGRESSOR[cls](**own), X, y, VALUES)
    assert_allclose(model.coef_path_, path.coefs, rtol=1e-6, atol=1e-8)
    assert_allclose(model.intercept_path_, path.intercepts, rtol=1e-6)
    at = list(np.sort(VALUES)[::-1]).index(getattr(model, CHOSEN[cls]))
    assert_array_equal(model.coef_path_[at], model.coef_)
    assert_array_equal(model.intercept_path_[at], model.intercept_)


@each
def test_automatic_grids_are_those_of_paths(cls):
    X, y = make_regression(30, 5, noise=30.0, random_state=0)
    size = {GRID[cls]: 7}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model = cls(**size, eps=1e-2).fit(X, y)
        default = cls(**size).fit(X, y)
    name = f"{GRID[cls]}_"
    path = regularization_path(REGRESSOR[cls](), X, y, n_values=7, eps=1e-2)
    assert_allclose(getattr(model, name), path.values, rtol=1e-12)
    path = regularization_path(REGRESSOR[cls](), X, y, n_values=7)
    assert_allclose(getattr(default, name), path.values, rtol=0.02)  # eps is rounded


SETS = {
    "folds": {"mse_path_", "mse_mean_", "mse_se_", "1se"},
    "one fold": {"mse_path_", "mse_mean_", "mse_se_"},
    "criterion": {"criterion_path_"},
    "scored folds": {"mse_path_", "mse_mean_", "mse_se_", "score_path_", "1se"},
    "left out": {"mse_path_", "mse_mean_", "mse_se_", "1se"},
    "scored left out": {"mse_path_", "mse_mean_", "mse_se_", "score_path_"},
}
KINDS = {
    "folds": {"cv": 3},
    "one fold": {"cv": [(np.arange(20), np.arange(20, 40))]},
    "criterion": {"criterion": "gcv"},
    "scored folds": {"cv": 3, "scoring": "r2"},
    "left out": {},
    "scored left out": {"scoring": "r2"},
}


@pytest.mark.parametrize("kind", KINDS)
@not_at_the_edge
def test_each_way_of_scoring_sets_its_own_attributes_and_forgets_others(kind):
    X, y = regression(40, 6)
    model = L2RegressorCV(VALUES)
    plain = {"cv": None, "criterion": None, "scoring": None}
    for before in KINDS:
        model.set_params(**{**plain, **KINDS[before]}).fit(X, y)
        model.set_params(**{**plain, **KINDS[kind]}).fit(X, y)
        every = set().union(*SETS.values()) - {"1se"}
        assert {name for name in every if hasattr(model, name)} == SETS[kind] - {"1se"}
        assert hasattr(model, "lambda_1se_") == ("1se" in SETS[kind])
    n_folds = {"folds": 3, "scored folds": 3}.get(kind, 1)
    for name in {"mse_path_", "score_path_"} & SETS[kind]:
        assert getattr(model, name).shape == (5, n_folds)


@not_at_the_edge
def test_a_dataframe_gives_its_names():
    pandas = pytest.importorskip("pandas")
    X, y = regression(40, 3)
    frame = pandas.DataFrame(X, columns=["a", "b", "c"])
    model = L2RegressorCV(VALUES).fit(frame, pandas.Series(y), pandas.Series(np.ones(40)))
    assert_array_equal(model.feature_names_in_, ["a", "b", "c"])
    assert_allclose(model.coef_, L2RegressorCV(VALUES).fit(X, y).coef_, rtol=1e-12)


@each
@not_at_the_edge
def test_single_precision_is_kept_and_scored_in_double(cls):
    X, y = regression(40, 6)
    single = grid(cls, cv=3).fit(X.astype(np.float32), y)
    double = grid(cls, cv=3).fit(X.astype(np.float32).astype(float), y)
    for name in ("coef_", "coef_path_", "intercept_path_"):
        assert getattr(single, name).dtype == np.float32
    assert_allclose(single.mse_path_, double.mse_path_, rtol=1e-10)


@not_at_the_edge
def test_constant_columns_within_a_fold_and_a_constant_target():
    """The second column only varies in the last fold, so the others are fitted without it."""
    X, y = regression(30, 4)
    X[:20, 1] = 0.7
    for cls in REGRESSOR:
        model = grid(cls, cv=KFold(3)).fit(X, y)
        search = [
            cross_val_score(
                REGRESSOR[cls](**{CHOSEN[cls][:-1]: value}), X, y, cv=KFold(3), scoring=MSE
            )
            for value in VALUES
        ]
        assert_allclose(model.mse_path_, -np.array(search), rtol=1e-6)
        flat = grid(cls).fit(X, np.full(30, 3.0))
        assert_allclose(flat.coef_, 0, atol=1e-25)
        assert_allclose(flat.mse_mean_, 0, atol=1e-25)


MSE = "neg_mean_squared_error"


# ---------------------------------------------------------------------------- choosing


@each
@not_at_the_edge
def test_one_standard_error_regularises_more(cls):
    X, y = regression(40, 30)
    least, within = (grid(cls, cv=5, selection=s).fit(X, y) for s in ("min", "1se"))
    assert getattr(within, CHOSEN[cls]) >= getattr(least, CHOSEN[cls])
    name = GRID[cls][:-1]
    for model in (least, within):
        assert getattr(model, f"{name}_min_") == getattr(least, CHOSEN[cls])
        assert getattr(model, f"{name}_1se_") == getattr(within, CHOSEN[cls])
    path, k = within.mse_path_, np.argmin(within.mse_path_.mean(axis=1))
    bound = path[k].mean() + path[k].std(ddof=1) / np.sqrt(5)
    expected = np.sort(VALUES)[::-1][path.mean(axis=1) <= bound].max()
    assert getattr(within, CHOSEN[cls]) == expected


@not_at_the_edge
def test_a_callable_scorer_gets_what_was_held_out():
    """The largest error counts: no fold is judged by its training rows."""
    X, y = regression(30, 4)
    seen = []

    def score(estimator, X, y):
        seen.append(y)
        return -np.max(np.abs(estimator.predict(X) - y))

    model = L1RegressorCV(VALUES, cv=KFold(3), scoring=score).fit(X, y)
    for k, (_, test) in enumerate(KFold(3).split(X)):
        assert_array_equal(seen[5 * k], y[test])
    assert model.score_path_.shape == (5, 3)
    assert model.l1_lambda_ == np.sort(VALUES)[::-1][model.score_path_.mean(axis=1).argmax()]


@not_at_the_edge
def test_rows_of_weight_zero_are_predicted_too_when_a_scorer_asks():
    """Without their weights in the score, they count in it: by the fit to all others."""
    X, y = regression(30, 4)
    s = np.where(np.arange(30) % 5 == 0, 0.0, 1.0)

    def score(estimator, X, y, sample_weight=None):
        return -mean_squared_error(y, estimator.predict(X))

    for layout in (np.asarray, sp.csr_array):
        model = L2RegressorCV(VALUES, scoring=score).fit(layout(X), y, s)
        reduced = L2RegressorCV(VALUES).fit(X[s > 0], y[s > 0])
        for k, value in enumerate(np.sort(VALUES)[::-1]):
            fitted = L2Regressor(value).fit(X[s > 0], y[s > 0])
            rest = np.sum((y - fitted.predict(X))[s == 0] ** 2)
            expected = (24 * reduced.mse_mean_[k] + rest) / 30
            assert_allclose(model.score_path_[k, 0], -expected, rtol=1e-10)
        assert_allclose(model.mse_mean_, reduced.mse_mean_, rtol=1e-10)


@not_at_the_edge
@pytest.mark.parametrize("criterion", ["aic", "bic", "gcv"])
def test_only_the_ratios_of_the_weights_matter_to_a_criterion(criterion):
    X, y = regression(30, 4)
    s = np.random.default_rng(0).integers(0, 4, 30).astype(float)
    counted = s > 0
    for cls in (L2RegressorCV, DropoutRegressorCV) if criterion == "gcv" else (L1RegressorCV,):
        model = cls(VALUES, criterion=criterion)
        by_sum = clone(model).fit(X, y, s / s.sum())
        by_mean = clone(model).fit(X[counted], y[counted], s[counted] / s[counted].mean())
        assert_allclose(by_sum.criterion_path_, by_mean.criterion_path_, rtol=1e-9)
        assert getattr(by_sum, CHOSEN[cls]) == getattr(by_mean, CHOSEN[cls])
        unweighted = clone(model).fit(X[counted], y[counted])
        even = clone(model).fit(X, y, 0.01 * counted)
        assert_allclose(unweighted.criterion_path_, even.criterion_path_, rtol=1e-9)


@pytest.mark.parametrize("targets", [None, 2])
@pytest.mark.parametrize("options", [{"criterion": "aic"}, {"criterion": "bic"}, {"cv": 3}])
@not_at_the_edge
def test_a_constant_target_has_zeros_under_every_criterion(options, targets):
    X, _ = regression(30, 4)
    y = np.full(30 if targets is None else (30, targets), 5.0)
    model = L1RegressorCV(**options).fit(X, y)
    assert_array_equal(model.coef_, np.zeros_like(model.coef_))
    ridge = L2RegressorCV(**{"criterion": "gcv"} if "criterion" in options else options).fit(X, y)
    assert_allclose(ridge.coef_, 0, atol=1e-14)


def test_no_value_is_chosen_among_infinite_criteria():
    X, y = regression(5, 30)
    with pytest.raises(ValueError, match="NaN or infinite"):
        L2RegressorCV([0.0], criterion="gcv").fit(X, y)


@not_at_the_edge
def test_in_a_pipeline_and_a_cross_validation():
    X, y = regression(60, 20)
    for cls in REGRESSOR:
        pipeline = make_pipeline(StandardScaler(), cls())
        assert cross_val_score(pipeline, X, y, cv=3).min() > 0.5


# ---------------------------------------------------------------------------- warnings


@pytest.mark.parametrize(
    ("cls", "values", "edge", "remedy"),
    [
        (L2RegressorCV, [1e-5, 1e-4], "largest", "Give larger values in `lambdas`"),
        (L2RegressorCV, [1e4, 1e3], "smallest", "Give smaller values in `lambdas`"),
        (DropoutRegressorCV, [0.99, 0.98], "smallest", "smaller values in `dropout_rates`"),
        (L1RegressorCV, [1e-5, 1e-4], "largest", "Give larger values in `lambdas`"),
    ],
)
def test_a_choice_at_the_end_of_the_grid_is_told_once(cls, values, edge, remedy):
    """Where further values are better by more than the standard error."""
    X, y = regression(40, 30, seed=1)
    if edge == "largest":
        y = np.random.default_rng(0).normal(size=40)
    with pytest.warns(UserWarning, match=f"is the {edge} of the grid.*{remedy}") as caught:
        cls(values).fit(X, y)
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_an_automatic_grid_is_lengthened_by_eps():
    X, y = regression(60, 5)
    with pytest.warns(UserWarning, match="smallest of the grid.*Use a smaller `eps`"):
        L1RegressorCV(eps=0.5).fit(X, y)


@pytest.mark.parametrize("eps", [1e-3, 1e-6, 1e-9])
def test_no_warning_where_no_other_value_could_be_better(eps):
    """A target without noise is fitted as well as can be; a target of noise by next to nothing."""
    rng = np.random.default_rng(0)
    X, noise = rng.normal(size=(300, 5)), rng.normal(size=300)
    L1RegressorCV(eps=eps).fit(X, X @ np.arange(1.0, 6.0))
    L2RegressorCV().fit(X, noise)
    L2RegressorCV([1.0, 1e300]).fit(X, noise)
    DropoutRegressorCV().fit(X, noise)
    cross_val_score(L1RegressorCV(), X, X @ np.arange(1.0, 6.0) + 0.1 * noise, cv=10)


def test_where_the_grid_cannot_go_on_there_is_no_warning():
    """The null model, strength 0, a single value, the middle."""
    X, y = regression(40, 6)
    noise = np.random.default_rng(8).normal(size=40)
    model = L1RegressorCV(cv=5).fit(X, noise)
    assert_array_equal(model.coef_, np.zeros(6))
    assert L1RegressorCV([1e3, 0.0]).fit(X, X @ np.ones(6)).l1_lambda_ == 0
    assert DropoutRegressorCV([0.5, 0.0]).fit(X, X @ np.ones(6)).dropout_rate_ == 0
    assert L2RegressorCV([1e3]).fit(X, y).l2_lambda_ == 1e3
    assert L2RegressorCV().fit(*regression(40, 30)).l2_lambda_ > 0


@each
@pytest.mark.parametrize("n_jobs", [None, 2])
@not_at_the_edge
def test_fits_that_do_not_converge_are_told_of(cls, n_jobs):
    """Once for them all, and whatever threads do to the filters of warnings."""
    X, y = regression(650, 310)  # too many features for pivoting, and a path starts at 0
    weights = np.arange(310) > 0
    options = {"tol": 1e-30, "max_iter": 1, "positive": True, "penalty_weights": weights}
    options["n_jobs"] = n_jobs
    with pytest.warns(ConvergenceWarning, match="A fit along the path did not converge") as caught:
        grid(cls, np.array([0.1, 0.05, 0.01]), **options).fit(X, y)
    caught = [w for w in caught if issubclass(w.category, ConvergenceWarning)]
    assert len(caught) == 1
    assert caught[0].filename == __file__
    with pytest.warns(ConvergenceWarning, match="did not converge"):  # the filters are as before
        L1Regressor(0.01, solver="newton", tol=1e-30, max_iter=1).fit(X, y)


# ---------------------------------------------------------------------------- refusals

X_, Y_ = regression(20, 4)
EDGE = "ignore:The chosen"
REFUSED = {
    "negative": (L1RegressorCV, {"lambdas": [0.1, -1.0]}, "lambdas must be in"),
    "nan": (L2RegressorCV, {"lambdas": [0.1, np.nan]}, "lambdas contains NaN"),
    "two axes": (L2RegressorCV, {"lambdas": [[0.1]]}, "lambdas must be a 1D array"),
    "empty": (L2RegressorCV, {"lambdas": []}, "lambdas must hold one value or more"),
    "rate": (DropoutRegressorCV, {"dropout_rates": [0.5, 1.0]}, "dropout_rates must be in"),
    "no values": (L1RegressorCV, {"lambdas": 0}, "'lambdas' parameter"),
    "scalar": (L2RegressorCV, {"lambdas": 0.1}, "'lambdas' parameter"),
    "eps": (L1RegressorCV, {"eps": 0.0}, "'eps' parameter"),
    "selection": (L1RegressorCV, {"selection": "max"}, "'selection' parameter"),
    "criterion": (L1RegressorCV, {"criterion": "gcv"}, "'criterion' parameter"),
    "noise": (L1RegressorCV, {"noise_variance": -1.0}, "'noise_variance' parameter"),
    "scoring": (L2RegressorCV, {"scoring": "best"}, "'scoring' parameter"),
    "cv": (L2RegressorCV, {"cv": "five"}, "'cv' parameter"),
    "cv too large": (L2RegressorCV, {"cv": 21}, "n_splits=21"),
    "no folds": (L2RegressorCV, {"cv": []}, "cv"),
    "criterion and cv": (L1RegressorCV, {"criterion": "aic", "cv": 5}, "needs cv=None"),
    "criterion and scoring": (
        L1RegressorCV,
        {"criterion": "aic", "scoring": "r2"},
        "scoring=None",
    ),
    "criterion and 1se": (
        L2RegressorCV,
        {"criterion": "gcv", "selection": "1se"},
        "selection='min'",
    ),
    "gcv and positive": (
        L2RegressorCV,
        {"criterion": "gcv", "positive": True},
        "does not support positive=True",
    ),
    "1se of a pooled score": (
        DropoutRegressorCV,
        {"selection": "1se", "scoring": "r2"},
        "selection='1se' needs the standard error",
    ),
    "1se of one fold": (
        L2RegressorCV,
        {"selection": "1se", "cv": [(np.arange(10), np.arange(10, 20))]},
        "at least two folds",
    ),
    "weights": (L1RegressorCV, {"penalty_weights": [1.0]}, "penalty_weights has shape"),
    "penalty": (DropoutRegressorCV, {"l1_lambda": -1.0}, "'l1_lambda' parameter"),
    "all scores nan": (
        L1RegressorCV,
        {"scoring": lambda *_: np.nan, "lambdas": [0.1, 0.2]},
        "NaN",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case):
    cls, options, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        cls(**options).fit(X_, Y_)


def test_noise_without_enough_rows():
    X, y = regression(20, 30)
    with pytest.raises(ValueError, match="number of samples is smaller than the number of feat"):
        L1RegressorCV(criterion="aic").fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert L1RegressorCV(criterion="aic", noise_variance=0.2).fit(X, y).noise_variance_ == 0.2


def test_folds_without_weight():
    s = np.ones(20)
    s[:4] = 0
    with pytest.raises(ValueError, match="Fold 0 of cv has no row of positive weight to test on"):
        L1RegressorCV(cv=KFold(5)).fit(X_, Y_, s)


def test_metadata_needs_routing_and_a_taker():
    groups = np.arange(20) % 4
    with pytest.raises(ValueError, match="enable_metadata_routing=True"):
        L1RegressorCV(cv=GroupKFold(3)).fit(X_, Y_, groups=groups)
    with (
        config_context(enable_metadata_routing=True),
        pytest.raises(TypeError, match=r"got unexpected argument.*groups"),
    ):
        L1RegressorCV(cv=KFold(3)).fit(X_, Y_, groups=groups)


@not_at_the_edge
def test_a_scorer_may_take_other_weights_than_the_fits():
    s, other = np.ones(20), np.arange(20.0) + 1
    scorer = get_scorer("neg_mean_squared_error")
    for cls, cv in (L2RegressorCV, None), (L1RegressorCV, 4):
        with config_context(enable_metadata_routing=True):
            routed = scorer.set_score_request(sample_weight="other")
            model = cls(VALUES, cv=cv, scoring=routed).set_fit_request(sample_weight=True)
            model.fit(X_, Y_, sample_weight=s, other=other)
        plain = cls(VALUES, cv=cv, scoring=scorer).fit(X_, Y_, s)
        assert_allclose(model.mse_path_, plain.mse_path_, rtol=1e-12)
        assert np.abs(model.score_path_ - plain.score_path_).max() > 1e-3


@not_at_the_edge
def test_a_failed_fit_leaves_the_estimator_as_it_was():
    model = L2RegressorCV(VALUES).fit(X_, Y_)
    before = vars(model).copy()
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full_like(X_, np.nan), Y_)
    with pytest.raises(ValueError, match="inconsistent"):
        model.fit(X_, Y_[:5])
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is value for name, value in before.items())


BAD_DATA = {
    "nan in X": (np.where(X_ > 1, np.nan, X_), Y_, None, "X contains NaN"),
    "infinity in y": (X_, np.where(Y_ > 1, np.inf, Y_), None, "y contains infinity"),
    "nan in sparse X": (sp.csr_array(np.where(X_ > 1, np.nan, X_)), Y_, None, "X contains NaN"),
    "short y": (X_, Y_[1:], None, "inconsistent numbers of samples"),
    "X of one axis": (X_[:, 0], Y_, None, "Expected 2D array"),
    "y of three axes": (X_, Y_[:, None, None], None, "dim"),
    "text": (X_.astype(str).astype(object) + "x", Y_, None, "could not convert"),
    "complex": (X_ + 0j, Y_, None, "Complex data not supported"),
    "masked": (np.ma.masked_greater(X_, 1), Y_, None, "X has masked entries"),
    "huge": (X_ * 1e300, Y_, None, "squares overflow"),
    "negative weights": (X_, Y_, -np.ones(20), "Negative values in data"),
    "nan in weights": (X_, Y_, np.full(20, np.nan), "contains NaN"),
    "short weights": (X_, Y_, np.ones(3), "sample_weight"),
    "no weight": (X_, Y_, np.zeros(20), "at least one non-zero"),
}


@pytest.mark.parametrize("case", BAD_DATA)
@pytest.mark.parametrize(
    ("cls", "cv"), [(L1RegressorCV, None), (L2RegressorCV, None), (DropoutRegressorCV, 3)]
)
@not_at_the_edge
def test_bad_data_is_named_and_leaves_the_estimator_as_it_was(cls, cv, case):
    X, y, s, message = BAD_DATA[case]
    model = grid(cls, cv=cv).fit(X_, Y_)
    before = vars(model).copy()
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, s)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is value for name, value in before.items())


def interrupting(calls):
    """A score that Ctrl-C meets at one of its calls."""
    left = iter(range(calls))

    def score(model, X, y):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return -mean_squared_error(y, model.predict(X))

    return score


@pytest.mark.parametrize("calls", [0, 7])
@pytest.mark.parametrize("n_jobs", [None, 2])
@each
@not_at_the_edge
def test_an_interrupted_search_leaves_the_estimator_as_it_was(cls, n_jobs, calls):
    model = grid(cls, cv=3).fit(X_, Y_)
    model.set_params(scoring=interrupting(calls), n_jobs=n_jobs)
    before, expected = vars(model).copy(), model.predict(X_)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X_[:, :3], Y_)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is value for name, value in before.items())
    assert_array_equal(model.predict(X_), expected)
    model.set_params(scoring=None).fit(X_[:, :3], Y_)
    assert model.n_features_in_ == 3


# ---------------------------------------------------------------------------- extremes


@each
@pytest.mark.parametrize("cv", [None, 3])
def test_a_grid_of_no_strength_is_least_squares(cls, cv):
    """No value shares its factors with strength 1."""
    model = cls([0.0], cv=cv).fit(X_, Y_)
    expected = np.linalg.lstsq(np.column_stack([X_, np.ones(20)]), Y_, rcond=None)[0]
    assert_allclose(model.coef_, expected[:-1], rtol=1e-6)
    assert_allclose(regularization_path(REGRESSOR[cls](), X_, Y_, [0.0]).coefs[0], expected[:-1])


@pytest.mark.parametrize(
    ("cls", "cv"),
    [*((cls, "folds") for cls in REGRESSOR), (L2RegressorCV, None), (DropoutRegressorCV, None)],
)
@not_at_the_edge
def test_rows_of_next_to_no_weight_are_as_good_as_left_out(cls, cv):
    """More features than rows: the kernel is that of the rows that count."""
    X, y = regression(40, 60)
    s = np.r_[np.ones(9), np.full(31, 1e-150)]
    fold = np.arange(40) % 3
    folds = [
        [(np.flatnonzero(fold[:n] != k), np.flatnonzero(fold[:n] == k)) for k in range(3)]
        for n in (40, 9)
    ]
    some = cls(VALUES, cv=cv and folds[0]).fit(X, y, s)
    all_of_them = cls(VALUES, cv=cv and folds[1]).fit(X[:9], y[:9])
    assert_allclose(some.mse_path_, all_of_them.mse_path_, rtol=1e-6)
    assert_allclose(some.coef_, all_of_them.coef_, rtol=1e-5, atol=1e-8)


@each
@pytest.mark.parametrize("cv", [None, 3])
@not_at_the_edge
def test_the_size_of_all_weights_does_not_matter(cls, cv):
    s = np.arange(20.0) + 1
    expected = grid(cls, cv=cv).fit(X_, Y_, s)
    for size in (1e-200, 1e200):
        model = grid(cls, cv=cv).fit(X_, Y_, size * s)
        assert_allclose(model.mse_path_, expected.mse_path_, rtol=1e-9)


@each
@pytest.mark.parametrize("shape", [(60, 6), (20, 25)])
@not_at_the_edge
def test_rows_of_weight_zero_may_hold_anything_finite(cls, shape):
    X, y = regression(*shape)
    s = np.where(np.arange(shape[0]) % 4 == 0, 0.0, 1.0)
    expected = grid(cls, cv=3).fit(X, y, s)
    X, y = X.copy(), y.copy()
    X[0], y[4] = 1e300, -1e300
    model = grid(cls, cv=3).fit(X, y, s)
    assert_array_equal(model.mse_path_, expected.mse_path_)
    assert_array_equal(model.coef_, expected.coef_)


# ---------------------------------------------------------------------------- work


@not_at_the_edge
def test_the_coefficients_of_many_targets_are_found_again_when_asked_for():
    X, y = regression(30, 12, targets=100)
    model = L1RegressorCV(900, eps=0.1, cv=2).fit(X, y)
    path = model.coef_path_
    assert path.shape == (900, 100, 12)
    assert len(pickle.dumps(model)) < path.nbytes / 20
    for k in (0, 400, 899):
        expected = L1Regressor(model.lambdas_[k]).fit(X, y)
        assert_allclose(path[k], expected.coef_, atol=1e-9)
        assert_allclose(model.intercept_path_[k], expected.intercept_, atol=1e-9)


@each
@pytest.mark.parametrize("shape", [(60, 6), (30, 50)])
@not_at_the_edge
def test_two_threads_find_the_same(cls, shape):
    X, y = regression(*shape)
    one, two = (grid(cls, cv=5, n_jobs=n_jobs).fit(X, y) for n_jobs in (1, 2))
    assert_array_equal(one.mse_path_, two.mse_path_)
    assert_array_equal(one.coef_, two.coef_)


@each
@not_at_the_edge
def test_a_line_is_printed_per_fold(cls, capsys):
    X, y = regression(30, 4)
    grid(cls, cv=3, verbose=1).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert [re.match(r"fold (\d) of 3: .* s", line)[1] for line in lines] == ["1", "2", "3"]
    grid(cls, cv=3).fit(X, y)
    assert capsys.readouterr().out == ""


@each
@pytest.mark.parametrize(("shape", "cv"), [((100000, 40), None), ((100000, 40), 5)])
@not_at_the_edge
def test_the_design_is_not_copied(cls, shape, cv):
    """With many rows there are only the rows of one fold beside X. No fold is a slice of it."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=shape)
    y = X[:, 0] + rng.normal(size=shape[0])
    cv = cv and KFold(cv, shuffle=True, random_state=0)
    size = {"eps": 0.1} if cls is L1RegressorCV else {}
    model = cls(**{GRID[cls]: 4}, cv=cv, **size)
    tracemalloc.start()
    try:
        model.fit(X, y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < X.nbytes


def test_every_fold_and_value_is_in_the_path_of_the_package():
    assert {cls.__name__ for cls in REGRESSOR} <= set(skreg.__all__)


@pytest.mark.parametrize("options", [{}, {"criterion": "gcv"}])
def test_a_sparse_design_too_large_to_factor_needs_folds(options):
    X = sp.eye_array(6000, format="csr")
    with pytest.raises(ValueError, match="Use folds, such as cv=5"):
        L2RegressorCV(VALUES, **options).fit(X, np.arange(6000.0))


@each
@not_at_the_edge
def test_without_any_feature_in_use_the_mean_is_left(cls):
    X, y = regression(30, 4)
    for cv in (None, 5):
        model = grid(cls, cv=cv, penalty_weights=np.full(4, np.inf)).fit(X, y)
        assert_array_equal(model.coef_, np.zeros(4))
        assert_allclose(model.intercept_, y.mean())
    if cls is not L1RegressorCV:
        model = grid(cls, penalty_weights=np.full(4, np.inf)).fit(X, y)
        expected = np.mean(((y - y.mean()) * 30 / 29) ** 2)
        assert_allclose(model.mse_mean_, np.full(5, expected), rtol=1e-12)


@each
@pytest.mark.parametrize("shape", [(40, 5), (20, 30)])
@pytest.mark.parametrize("cv", [None, 5])
@not_at_the_edge
def test_a_constant_target_is_fitted_by_its_mean(cls, shape, cv):
    """Also one that is constant in all folds but the last; and there is nothing to warn of."""
    X, y = np.random.default_rng(0).normal(size=shape) + 3, np.full(shape[0], 0.1)
    model = grid(cls, cv=cv).fit(X, y)
    assert_array_equal(model.coef_, np.zeros(shape[1]))
    assert_allclose(model.intercept_, 0.1, rtol=1e-14)
    y[-4:] += 1
    grid(cls, cv=cv).fit(X, np.column_stack([np.full(shape[0], 0.1), y]))


@pytest.mark.parametrize(
    "backend",
    [pytest.param("loky", marks=pytest.mark.slow), "threading"],  # processes are slow to start
)
@not_at_the_edge
def test_another_backend_of_joblib_finds_the_same(backend):
    """Its workers get X as a read-only memory map."""
    X, y = regression(30, 50)
    for cls in REGRESSOR:
        alone = grid(cls, cv=3, scoring="r2").fit(X, y)
        with parallel_config(backend=backend, n_jobs=2, max_nbytes=1):
            model = grid(cls, cv=3, scoring="r2").fit(X, y)
        assert_allclose(model.score_path_, alone.score_path_, rtol=1e-9)


# ---------------------------------------------------------------------------- many targets


@pytest.mark.parametrize("criterion", [None, "gcv"])
@pytest.mark.parametrize("shape", [(40, 5), (20, 30)])
@pytest.mark.parametrize("cls", [L2RegressorCV, DropoutRegressorCV])
@not_at_the_edge
def test_each_target_may_have_a_value_of_its_own(cls, shape, criterion):
    X, y = regression(*shape, targets=3)
    y = y + np.random.default_rng(0).normal(size=y.shape) * [0.1, 3.0, 30.0]
    model = grid(cls, criterion=criterion, per_target=True).fit(X, y)
    chosen = getattr(model, CHOSEN[cls])
    assert chosen.shape == (3,)
    for k, target in enumerate(y.T):
        alone = grid(cls, criterion=criterion).fit(X, target)
        assert chosen[k] == getattr(alone, CHOSEN[cls])
        assert_allclose(model.coef_[k], alone.coef_, rtol=1e-7, atol=1e-10)
        assert_allclose(model.intercept_[k], alone.intercept_, rtol=1e-9)
        assert_allclose(model.coef_path_[:, k], alone.coef_path_, rtol=1e-6, atol=1e-10)
    if criterion is None:
        assert getattr(model, f"{GRID[cls][:-1]}_1se_").shape == (3,)


def test_one_value_per_target_is_that_of_ridge_cv():
    X, y = regression(40, 5, targets=3)
    y = y + np.random.default_rng(0).normal(size=y.shape) * [0.1, 3.0, 30.0]
    theirs = RidgeCV(40 * np.array(VALUES), alpha_per_target=True).fit(X, y)
    model = L2RegressorCV(VALUES, per_target=True).fit(X, y)
    assert_allclose(model.l2_lambda_ * 40, theirs.alpha_)
    assert_allclose(model.coef_, theirs.coef_, rtol=1e-8)


@pytest.mark.parametrize("options", [{"cv": 3}, {"scoring": "r2"}, {"positive": True}])
def test_one_value_per_target_needs_a_closed_form(options):
    with pytest.raises(ValueError, match="per_target=True is for closed forms"):
        L2RegressorCV(VALUES, per_target=True, **options).fit(*regression(30, 4, targets=2))


@pytest.mark.parametrize("shape", [(60, 20), (20, 60)])
@pytest.mark.parametrize("cls", [L2RegressorCV, DropoutRegressorCV])
@not_at_the_edge
def test_the_path_of_many_targets_is_not_kept(cls, shape):
    """It is computed when asked for: a search is pickled in a few times the bytes of `coef_`."""
    X, y = regression(*shape, targets=300)
    model = cls().fit(X, y)
    few = 2 * model.coef_.nbytes + 2 * X.nbytes + 20_000
    assert len(pickle.dumps(model)) < few < 0.1 * model.coef_path_.nbytes
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.coef_path_, model.coef_path_)
    single = cls(np.atleast_1d(getattr(model, f"{GRID[cls]}_"))[10:11]).fit(X, y)
    assert_allclose(model.coef_path_[10], single.coef_, rtol=1e-7, atol=1e-9)
    assert_allclose(model.intercept_path_[10], single.intercept_, rtol=1e-7, atol=1e-9)


@not_at_the_edge
def test_dropout_of_even_columns_has_the_criterion_of_a_ridge():
    X, y = regression(40, 5)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    rates = np.array([0.9, 0.5, 0.1, 0.01])
    dropout = DropoutRegressorCV(rates, criterion="gcv").fit(X, y)
    ridge = L2RegressorCV(rates / (1 - rates), criterion="gcv").fit(X, y)
    assert_allclose(dropout.criterion_path_, ridge.criterion_path_, rtol=1e-9)


@each
@pytest.mark.parametrize("standardize", [False, True])
def test_a_fold_has_the_units_and_the_constant_columns_of_its_own_rows(cls, standardize):
    X, y = regression(60, 5)
    X[:12, 0] *= 5.0
    X[12:, 1] = 2.0  # constant where the first fold trains
    model = grid(cls, cv=5, standardize=standardize).fit(X, y)
    for k, (train, test) in enumerate(KFold(5).split(X)):
        for value, error in zip(VALUES, model.mse_path_[:, k], strict=True):
            fitted = REGRESSOR[cls](value, standardize=standardize).fit(X[train], y[train])
            assert_allclose(np.mean((fitted.predict(X[test]) - y[test]) ** 2), error, rtol=1e-8)
