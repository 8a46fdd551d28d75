r"""
The adaptive lasso: penalty weights
===================================

L1 shrinks what it keeps, and to shrink less it must keep more. The adaptive lasso (Zou, 2006) gives
each feature a penalty of its own, light for those that a first fit found large:

.. math:: \frac{1}{2n} \lVert y - Xw - b \rVert^2 + \lambda_1 \sum_j v_j |w_j|,
   \qquad v_j = \frac{1}{|\hat w_j|^\gamma}

for :math:`\hat w` of a ridge and :math:`\gamma = 1`. It takes two lines with `penalty_weights`.
"""

# %%
# The breast cancer data of scikit-learn: thirty measurements of cells, many of them almost copies
# of each other. We predict one of them, the fractal dimension, from the other 29.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler

from skreg import L1RegressorCV, L2RegressorCV, RegularizationPathDisplay

cells = load_breast_cancer(as_frame=True).data
y = StandardScaler().fit_transform(cells.pop("mean fractal dimension").to_frame())[:, 0]
X = StandardScaler().set_output(transform="pandas").fit_transform(cells)
folds = KFold(10, shuffle=True, random_state=0)

first = L2RegressorCV(eps=1e-8).fit(X, y)
weights = 1 / abs(first.coef_)

plain = L1RegressorCV(cv=folds, selection="1se").fit(X, y)
adaptive = L1RegressorCV(cv=folds, selection="1se", penalty_weights=weights).fit(X, y)

# %%
# Fewer features, for no larger error out of fold (y has variance 1). The folds here share the
# weights of the first fit, which has seen all rows, so the second error is a little too good; for
# an unbiased one put both steps into each fold, as below.

for name, model in [("lasso", plain), ("adaptive lasso", adaptive)]:
    at = list(model.lambdas_).index(model.l1_lambda_)
    used = np.count_nonzero(model.coef_)
    print(f"{name:15} {used:2d} features, mean squared error {model.mse_mean_[at]:.4f}")

# %%
# Both paths; the vertical lines are the choices.

for name, model in [("Lasso", plain), ("Adaptive lasso", adaptive)]:
    fig, ax = plt.subplots(layout="constrained")
    RegularizationPathDisplay.from_estimator(model, ax=ax, n_labels=5)
    ax.set_title(f"{name}: fractal dimension of cells")
plt.show()

# %%
# The whole procedure, judged on rows that neither step has seen.

errors = {"lasso": [], "adaptive lasso": []}
for train, test in KFold(5, shuffle=True, random_state=1).split(X):
    Xt, yt = X.iloc[train], y[train]
    weights = 1 / abs(L2RegressorCV(eps=1e-8).fit(Xt, yt).coef_)
    for name, v in [("lasso", None), ("adaptive lasso", weights)]:
        model = L1RegressorCV(cv=5, selection="1se", penalty_weights=v).fit(Xt, yt)
        errors[name].append(np.mean((model.predict(X.iloc[test]) - y[test]) ** 2))
for name, values in errors.items():
    print(f"{name:15} mean squared error {np.mean(values):.4f}")
