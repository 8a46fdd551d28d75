"""Choosing from scores: by hand, by the formulas, and as glmnet chooses."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skreg.model_selection import choosing
from skreg.model_selection.choosing import SELECTIONS


def test_the_standard_error_of_two_folds_by_hand():
    """Losses 1 and 3: mean 2, mean squared deviation 1, over K - 1 = 1."""
    mean, se = choosing.fold_statistics(np.array([[1.0, 3.0], [2.0, 2.0]]))
    assert_allclose(mean, [2.0, 2.0])
    assert_allclose(se, [1.0, 0.0])


def test_the_standard_error_is_that_of_a_mean():
    losses = np.random.default_rng(0).normal(size=(4, 7))
    mean, se = choosing.fold_statistics(losses)
    assert_allclose(mean, losses.mean(axis=1), rtol=1e-14)
    assert_allclose(se, losses.std(axis=1, ddof=1) / np.sqrt(7), rtol=1e-14)


def test_a_single_fold_has_no_standard_error():
    mean, se = choosing.fold_statistics(np.array([[3.0], [1.0]]))
    assert_allclose(mean, [3.0, 1.0])
    assert np.isnan(se).all()


LOSS = np.array([9.0, 5.0, 4.0, 3.0, 3.0, 3.5])


@pytest.mark.parametrize(
    ("se", "expected"), [(0.0, 3), (0.5, 3), (1.0, 2), (1.5, 2), (2.0, 1), (6.0, 0)]
)
def test_one_standard_error_takes_the_first_value_within_it(se, expected):
    """Only the standard error at the minimum (index 3) counts."""
    errors = np.full(6, 100.0)
    errors[3] = se
    assert SELECTIONS["1se"](LOSS, errors) == expected
    assert SELECTIONS["min"](LOSS, errors) == 3


def test_a_value_without_a_score_is_never_chosen():
    loss = np.array([np.nan, 2.0, 1.0, -np.inf])
    assert SELECTIONS["min"](loss, np.ones(4)) == 2
    assert SELECTIONS["1se"](loss, np.ones(4)) == 1
    for nothing in (np.nan, np.inf):
        with pytest.raises(ValueError, match="NaN or infinite"):
            SELECTIONS["min"](np.full(3, nothing), np.ones(3))


def test_the_information_criteria_are_likelihoods_with_a_price():
    """-2 log of the normal density of the residuals, by scipy."""
    from scipy.stats import norm

    residuals, noise, df = np.random.default_rng(0).normal(size=20), 1.7, 4
    deviance = -2 * norm.logpdf(residuals, scale=np.sqrt(noise)).sum()
    rss = residuals @ residuals
    assert_allclose(choosing.aic(rss, df, 20, noise), deviance + 2 * df, rtol=1e-13)
    assert_allclose(choosing.bic(rss, df, 20, noise), deviance + np.log(20) * df, rtol=1e-13)


def test_generalised_cross_validation_has_no_value_without_freedom():
    rss, df = np.array([8.0, 1.0, 0.0]), np.array([0.0, 2.0, 4.0])
    assert_allclose(choosing.gcv(rss, df, 4.0), [2.0, 1.0, np.inf])


def test_another_loss_is_better_if_it_is_less_by_more_than_the_standard_error():
    loss, se = np.array([9.0, 5.0, 4.0]), np.array([1.0, 1.0, 0.5])
    assert choosing.is_better(loss, se, 2, np.array([3.8, 3.4]))
    assert not choosing.is_better(loss, se, 2, np.array([3.8, 3.6, np.nan]))
    assert choosing.is_better(loss, None, 2, np.array([3.8]))
    assert not choosing.is_better(np.array([1.0, 1e-6]), None, 1, np.array([1e-9]))
