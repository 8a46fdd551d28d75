r"""
Lasso and Ridge on one scale
============================

scikit-learn's `Lasso(alpha)` divides the squared error by :math:`2n`, its `Ridge(alpha)` does not
divide. So an `alpha` of 1 means one thing to the one, and something else to the other, and to Ridge
another thing again when there are more rows. Here both are strengths of one objective,

.. math:: \frac{1}{2n} \lVert y - Xw - b \rVert^2
   + \lambda_1 \sum_j |w_j| + \frac{\lambda_2}{2} \sum_j w_j^2 .
"""

# %%
# The same models, and how the arguments correspond.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, Ridge
from sklearn.model_selection import cross_val_predict
from sklearn.preprocessing import scale

from skreg import L1Regressor, L2Regressor

X, y = load_diabetes(return_X_y=True)
X = scale(X)
n = len(y)
a, r = 2.0, 0.3

pairs = {
    "Lasso(a)": (Lasso(a, tol=1e-12), L1Regressor(a)),
    "Ridge(a)": (Ridge(a), L2Regressor(a / n)),
    "ElasticNet(a, r)": (
        ElasticNet(alpha=a, l1_ratio=r, tol=1e-12),
        L1Regressor(a * r, l2_lambda=a * (1 - r)),
    ),
    "LinearRegression()": (LinearRegression(), L2Regressor(0)),
}
for name, (theirs, ours) in pairs.items():
    difference = abs(theirs.fit(X, y).coef_ - ours.fit(X, y).coef_).max()
    print(f"{name:20} largest difference of a coefficient {difference:.0e}")

# %%
# What the scale is good for: a strength means the same for any number of rows. The strength with
# the least error out of fold, on all patients and on the data repeated four times (as four times as
# many rows that tell nothing new), with Ridge's `alpha` and with ours.

strengths = np.geomspace(1e-3, 10, 30)
fig, axes = plt.subplots(1, 2, figsize=(8, 3.6), sharey=True, layout="constrained")
for ax, make, title in [
    (axes[0], Ridge, "Ridge(alpha)"),
    (axes[1], L2Regressor, "L2Regressor(l2_lambda)"),
]:
    grid = strengths * n if make is Ridge else strengths
    for copies, style in [(1, "-"), (4, "--")]:
        Xc, yc = np.repeat(X, copies, axis=0), np.repeat(y, copies)
        norms = [np.linalg.norm(make(strength).fit(Xc, yc).coef_) for strength in grid]
        ax.semilogx(grid, norms, style, label=f"{copies * n} rows")
    name = "alpha" if make is Ridge else "l2_lambda"
    ax.set(
        title=title,
        xlabel=f"{name} (no unit: X is standardised)",
    )
axes[0].set_ylabel("norm of the coefficients\n(units of y)")
axes[0].legend(loc="lower left")
plt.show()

# %%
# With Ridge the curve moves when the rows are repeated, here it stays. The errors of prediction are
# those of the same models, of course:

for model in (Ridge(10.0), L2Regressor(10.0 / (n * 4 / 5))):
    error = np.sqrt(np.mean((y - cross_val_predict(model, X, y, cv=5)) ** 2))
    print(f"{type(model).__name__:12} error out of five folds {error:.2f}")
