"""`NetworkRegressor`, as a user meets it."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from skreg import DropoutRegressor, NetworkRegressor


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_contract():
    check_estimator(NetworkRegressor())


@pytest.fixture(scope="module")
def data():
    """Two targets that are far from zero, of 120 rows."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, (120, 3))
    Y = np.column_stack([np.sin(X[:, 0]) * X[:, 1], X[:, 2] ** 2]) + 0.05 * rng.standard_normal(
        (120, 2)
    )
    return X, 100 + 10 * Y


SMALL = {"hidden_layer_sizes": (10,), "n_members": 2, "random_state": 0}


@pytest.mark.parametrize("penalty", [{"l2_lambda": 0.1}, {"l1_lambda": 0.2, "l2_lambda": 0.01}])
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix])
def test_without_hidden_layers_it_is_the_linear_model(data, make, penalty):
    X, Y = data
    X = make(np.round(X))
    weights = np.arange(1.0, len(Y) + 1)
    model = NetworkRegressor((), input_dropout_rate=0.3, standardize=False, **penalty)
    model.fit(X, Y, sample_weight=weights)
    linear = DropoutRegressor(0.3, drop_to="zero", **{"l2_lambda": 0.0, **penalty})
    linear.fit(X, Y, sample_weight=weights)
    assert_allclose(model.coefs_[0][0].T, linear.coef_, rtol=1e-8, atol=1e-10)
    assert_allclose(model.intercepts_[0][0], linear.intercept_, rtol=1e-8)


@pytest.mark.parametrize("l1", [0.0, 1e-3])
def test_the_loss_is_the_objective_of_the_weights(data, l1):
    X, Y = data
    model = NetworkRegressor(
        **{**SMALL, "n_members": 1},
        dropout_rate=0.1,
        l1_lambda=l1,
        l2_lambda=1e-3,
        standardize=False,
    ).fit(X, Y / 10)
    (W, B), (b, c) = model.coefs_, model.intercepts_
    Z = X @ W[0] + b[0]
    H = Z / np.sqrt(1 + Z**2)
    expected = np.sum((Y / 10 - H @ B[0] - c[0]) ** 2) / (2 * len(X))
    expected += 0.1 / 0.9 / 2 * np.mean(H**2, axis=0) @ np.sum(B[0] ** 2, axis=1)
    for A in (W, B):
        expected += l1 * np.abs(A).sum() + 1e-3 / 2 * np.sum(A**2)
    assert model.best_loss_ == pytest.approx(expected, rel=1e-8)
    assert np.all(model.dual_gap_ <= 1e-8)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize("hidden", [(10,), (8, 6)])
def test_it_learns_what_is_not_linear(data, solver, hidden):
    X, Y = data
    model = NetworkRegressor(hidden, solver=solver, dropout_rate=0.0, batch_size=20, random_state=0)
    assert model.set_params(max_iter=150).fit(X, Y).score(X, Y) > 0.98
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert model.solver_ == solver
    assert_array_equal([W.shape[0] for W in model.coefs_], 4)


def test_a_weight_of_two_is_two_rows(data):
    X, Y = data
    weights = np.arange(len(X)) % 3
    one = NetworkRegressor(**SMALL).fit(X, Y, sample_weight=weights)
    other = NetworkRegressor(**SMALL).fit(X.repeat(weights, 0), Y.repeat(weights, 0))
    assert_allclose(one.predict(X), other.predict(X), rtol=1e-10)
    halves = NetworkRegressor(**SMALL).fit(X, Y, sample_weight=weights / 2)
    assert_allclose(one.predict(X), halves.predict(X), rtol=1e-10)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_a_seed_repeats_a_fit_and_threads_do_not_matter(data, solver):
    X, Y = data
    model = NetworkRegressor(**SMALL, solver=solver, max_iter=10)
    expected = model.fit(X, Y).predict(X)
    assert_array_equal(clone(model).fit(X, Y).predict(X), expected)
    assert_array_equal(clone(model).set_params(n_jobs=2).fit(X, Y).predict(X), expected)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), expected)
    assert np.any(clone(model).set_params(random_state=1).fit(X, Y).predict(X) != expected)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_l1_makes_exact_zeros_and_counts_what_is_left(solver):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 8))
    y = np.sin(2 * X[:, 0]) + X[:, 1]
    model = NetworkRegressor((8,), l1_lambda=0.02, solver=solver, n_members=1, batch_size=30)
    model.set_params(max_iter=200, random_state=0).fit(X, y)
    assert model.n_active_features_ == np.count_nonzero(np.any(model.coefs_[0][0] != 0, axis=1))
    assert 2 <= model.n_active_features_ < 8
    assert np.all(np.any(model.coefs_[0][0][:2] != 0, axis=1))
    assert np.mean(model.coefs_[0] == 0) > 0.7
    assert model.score(X, y) > 0.9


def test_the_objective_does_not_change_with_the_batch(data):
    X, Y = data
    losses = []
    for batch_size in (20, 120):
        model = NetworkRegressor(
            (5,),
            solver="adam",
            l2_lambda=0.01,
            batch_size=batch_size,
            max_iter=600,
            random_state=0,
        )
        losses.append(model.fit(X, Y).best_loss_)
    lbfgs = NetworkRegressor((5,), l2_lambda=0.01, max_iter=600, random_state=0).fit(X, Y)
    assert_allclose(losses, lbfgs.best_loss_, rtol=0.1)


def test_a_warm_start_goes_on(data):
    X, Y = data
    for solver in ("lbfgs", "adam"):
        model = NetworkRegressor(**SMALL, solver=solver, max_iter=20, warm_start=True).fit(X, Y)
        before = model.best_loss_
        states = [network.state for network in model._networks]
        steps = [state and 2 * state.n_steps for state in states]
        model.fit(X, Y)
        assert model.best_loss_ < before
        assert [net.state and net.state.n_steps for net in model._networks] == steps
    model.set_params(hidden_layer_sizes=(7,)).fit(X, Y)  # another network begins anew
    assert model.coefs_[0].shape == (2, 3, 7)
    model.fit(X[:, :2], Y)
    assert model.coefs_[0].shape == (2, 2, 7)


def test_a_warm_start_takes_the_scale_of_the_new_data(data):
    X, Y = data
    model = NetworkRegressor(**SMALL, warm_start=True).fit(1e3 * X, Y)
    assert model.fit(X, Y).score(X, Y) > 0.9


def test_partial_fit_learns_from_batches(data):
    X, Y = data
    model = NetworkRegressor((10,), learning_rate_init=0.02, batch_size=20, random_state=0)
    scores = [model.partial_fit(X, Y).score(X, Y) for _ in range(30)]
    assert scores[-1] > max(0.8, scores[0])
    fitted = NetworkRegressor(**SMALL).fit(X, Y)
    before = fitted.score(X, Y)
    assert fitted.partial_fit(X, Y).score(X, Y) > before - 0.05
    assert not hasattr(NetworkRegressor(solver="lbfgs"), "partial_fit")
    with pytest.raises(ValueError, match="shape"):
        fitted.partial_fit(X, Y[:, 0])
    fitted.set_params(hidden_layer_sizes="auto").partial_fit(X, Y)
    assert fitted.coefs_[0].shape == (2, 3, 10)  # it goes on with the network that there is


@pytest.mark.parametrize("length", [1e4, 1e30, 1e300])
def test_a_training_that_diverges_says_so_and_keeps_finite_weights(data, length):
    X, Y = data
    model = NetworkRegressor((10,), activation="relu", solver="adam", learning_rate_init=length)
    model.set_params(max_iter=30, batch_size=20, random_state=0)
    with pytest.warns(ConvergenceWarning, match="learning_rate_init"):
        model.fit(X, Y)
    assert np.all(np.isfinite(model.predict(X)))


def test_dropout_per_layer_and_of_inputs(data):
    X, Y = data
    model = NetworkRegressor((8, 6), dropout_rate=(0.1, 0.2), input_dropout_rate=0.1, max_iter=5)
    model.set_params(random_state=0)
    assert model.fit(X, Y).solver_ == "adam"
    expected = model.predict(X)
    sizes, rates = np.array([8, 6]), np.array([0.1, 0.2])
    model.set_params(hidden_layer_sizes=sizes, dropout_rate=rates).fit(X, Y)
    assert_array_equal(model.predict(X), expected)
    with pytest.raises(ValueError, match="solver='adam'"):
        model.set_params(solver="lbfgs").fit(X, Y)
    with pytest.raises(ValueError, match="dropout_rate must be in"):
        model.set_params(dropout_rate=(0.1, 0.2, 0.3), solver="auto").fit(X, Y)


def test_a_refused_fit_leaves_the_model_as_it_was(data):
    X, Y = data
    model = NetworkRegressor(**SMALL).fit(X, Y)
    expected = model.predict(X)
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        model.set_params(hidden_layer_sizes=(3, 0)).fit(X, Y)
    with pytest.raises(ValueError, match="NaN"):
        model.set_params(hidden_layer_sizes=(10,)).fit(np.full((5, 2), np.nan), Y[:5])
    assert_array_equal(model.predict(X), expected)


def test_masked_entries_are_refused(data):
    X, Y = data
    masked = np.ma.masked_array(X, X > 1.9)
    with pytest.raises(ValueError, match="X has masked entries"):
        NetworkRegressor(**SMALL).fit(masked, Y)


def test_sparse_inputs_are_learnt_by_adam_and_refused_by_lbfgs():
    X = sparse.random(200, 30, 0.2, random_state=0, format="csr")
    y = X[:, [0]].toarray()[:, 0] * 3 + X[:, [1]].toarray()[:, 0] ** 2
    model = NetworkRegressor((10,), n_members=1, random_state=0).fit(X, y)
    assert model.solver_ == "adam"
    assert_allclose(model.predict(X), model.predict(X.toarray()))
    with pytest.raises(TypeError, match="Sparse X"):
        model.set_params(solver="lbfgs").fit(X, y)


def test_frames_and_pipelines(data):
    pandas = pytest.importorskip("pandas")
    X, Y = data
    frame = pandas.DataFrame(X, columns=list("abc"))
    pipe = make_pipeline(StandardScaler(), NetworkRegressor(**SMALL)).fit(frame, Y[:, 0])
    assert pipe.predict(frame).shape == (120,)
    assert_array_equal(NetworkRegressor(**SMALL).fit(frame, Y).feature_names_in_, list("abc"))


def test_alpha_of_scikit_learn_is_n_times_l2():
    """At equal weights MLPRegressor's penalty is alpha / (2 n), ours l2 / 2."""
    from sklearn.neural_network import MLPRegressor

    rng = np.random.default_rng(0)
    X, n = rng.standard_normal((80, 2)), 80
    y = np.tanh(X[:, 0])
    alpha = 0.8
    mlp = MLPRegressor(
        hidden_layer_sizes=(4,), activation="tanh", solver="lbfgs", alpha=alpha, max_iter=5000
    )
    losses = [mlp.set_params(random_state=seed).fit(X, y).loss_ for seed in range(3)]
    ours = NetworkRegressor(
        (4,),
        activation="tanh",
        dropout_rate=0.0,
        l2_lambda=alpha / n,
        standardize=False,
        max_iter=2000,
        random_state=0,
    ).fit(X, y)
    assert ours.best_loss_ == pytest.approx(min(losses), rel=0.02)


def test_a_batch_does_not_change_the_number_of_members():
    X = np.random.default_rng(0).normal(size=(60, 3))
    model = NetworkRegressor((5,), random_state=0).partial_fit(X, X[:, 0])
    model.set_params(n_members=5)
    with pytest.raises(ValueError, match="n_members and hidden_layer_sizes must be those"):
        model.partial_fit(X, X[:, 0])
