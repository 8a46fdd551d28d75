"""Fit and predict on a small table, beside scikit-learn: what GridSearchCV pays hundreds of times.

All take turns in one process; the median of the rounds counts.
"""

import statistics
import time

from sklearn.datasets import load_diabetes
from sklearn.linear_model import Lasso, Ridge

from skreg import DropoutRegressor, L1Regressor, L2Regressor


def race(rounds=300):
    """Return the median milliseconds of each call, by its name."""
    X, y = load_diabetes(return_X_y=True)
    models = [
        Lasso(alpha=0.1),
        L1Regressor(l1_lambda=0.1),
        Lasso(alpha=0.01),
        L1Regressor(l1_lambda=0.01),
        Ridge(alpha=0.01 * len(y)),
        L2Regressor(l2_lambda=0.01),
        DropoutRegressor(dropout_rate=0.3),
    ]
    calls = {f"{model!r}.fit": lambda model=model: model.fit(X, y) for model in models}
    for model in (models[4], models[5]):
        calls[f"{type(model).__name__}.predict"] = lambda model=model: model.predict(X)
    seconds = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return {name: 1e3 * statistics.median(values) for name, values in seconds.items()}


def report():
    """Print the milliseconds."""
    for name, milliseconds in race().items():
        print(f"{name:45} {milliseconds:6.3f} ms")
