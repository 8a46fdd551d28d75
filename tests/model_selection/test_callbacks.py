"""scikit-learn's callbacks on the cross-validating estimators, where scikit-learn has them."""

import warnings

import numpy as np
import pytest
from oracles import regression
from sklearn.model_selection import GridSearchCV

from skreg import DropoutRegressorCV, L1RegressorCV, L2RegressorCV

sklearn_callback = pytest.importorskip("sklearn.callback")
pytestmark = pytest.mark.filterwarnings("ignore:The chosen .* of the grid:UserWarning")
VALUES = [0.5, 0.1]


class Record:
    """Keeps the name, the number and the parent's name of every task, as they begin and end."""

    def __init__(self):
        self.events, self.open = [], 0

    def setup(self, estimator, context):
        self.open += 1

    def teardown(self, estimator, context):
        self.open -= 1

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
        parent = context.parent.task_name if context.parent else None
        self.events.append(("begin", context.task_name, context.task_id, parent))

    def on_fit_task_end(self, estimator, context):
        self.events.append(("end", context.task_name, context.task_id))


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("cls", [L1RegressorCV, L2RegressorCV, DropoutRegressorCV])
def test_the_folds_are_tasks(cls, n_jobs):
    X, y = regression(30, 4)
    record = Record()
    model = cls(VALUES, cv=3, n_jobs=n_jobs).set_callbacks(record).fit(X, y)
    begun = [event[1:] for event in record.events if event[0] == "begin"]
    ended = [event[1:] for event in record.events if event[0] == "end"]
    assert begun[:2] == [("fit", 0, None), ("cross-validation", 0, "fit")]
    assert {event[:2] for event in begun[2:]} == {("fold", k) for k in range(3)}
    assert sorted(ended) == sorted(event[:2] for event in begun)
    assert ended[-2:] == [("cross-validation", 0), ("fit", 0)]
    assert record.open == 0
    plain = cls(VALUES, cv=3).fit(X, y)
    np.testing.assert_array_equal(model.mse_path_, plain.mse_path_)


def test_a_closed_form_is_one_task():
    record = Record()
    L2RegressorCV(VALUES).set_callbacks(record).fit(*regression(30, 4))
    assert [event[:2] for event in record.events] == [("begin", "fit"), ("end", "fit")]


def test_callbacks_are_put_away_when_a_fit_fails():
    X, y = regression(30, 4)
    record = Record()
    model = L1RegressorCV(VALUES, scoring=lambda *_: 1 / 0).set_callbacks(record)
    with pytest.raises(ZeroDivisionError):
        model.fit(X, y)
    assert record.open == 0
    assert not hasattr(model, "_callback_fit_ctx")


def test_the_progress_bar(capfd):
    pytest.importorskip("rich")
    bar = sklearn_callback.ProgressBar()
    model = L1RegressorCV(VALUES, cv=3).set_callbacks(bar)
    model.fit(*regression(30, 4))
    assert "L1RegressorCV" in capfd.readouterr().out


def test_within_a_grid_search():
    X, y = regression(40, 4)
    record = Record()
    search = GridSearchCV(
        L2RegressorCV(VALUES, cv=3).set_callbacks(record), {"fit_intercept": [True, False]}, cv=2
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        search.fit(X, y)
    assert record.open == 0
