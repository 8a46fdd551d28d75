r"""
Three paths through the diabetes data
=====================================

L1, L2 and dropout all shrink coefficients to zero, but not on the same way. Every picture below
starts at the left where the penalty leaves nothing, and ends at the right at least squares.

.. math:: \frac{1}{2n} \lVert y - Xw - b \rVert^2
   + \lambda_1 \sum_j |w_j| + \frac{\lambda_2}{2} \sum_j w_j^2
   + \frac12 \sum_j \frac{q}{1-q}\, m_j\, w_j^2

with one of :math:`\lambda_1`, :math:`\lambda_2` and the dropout rate :math:`q` at a time;
:math:`m_j` is the variance of column :math:`j`.
"""

# %%
# The data: ten measurements of 442 patients, and how far their diabetes had gone a year later. We
# standardise the columns, so that coefficients can be compared.

import matplotlib.pyplot as plt
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler

from skreg import (
    DropoutRegressor,
    L1Regressor,
    L2Regressor,
    RegularizationPathDisplay,
    regularization_path,
)

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
X = StandardScaler().set_output(transform="pandas").fit_transform(X)

models = {"L1": L1Regressor(), "L2": L2Regressor(), "Dropout": DropoutRegressor()}
paths = {name: regularization_path(model, X, y) for name, model in models.items()}

# %%
# L1 takes features in one after the other: the numbers on top count those that are in.


def draw(name):
    """Draw one path."""
    _, ax = plt.subplots(layout="constrained")
    RegularizationPathDisplay.from_path(paths[name], ax=ax, n_labels=6)
    ax.set_title(f"{name}: the coefficients of the diabetes data")


draw("L1")

# %%
# L2 keeps all of them, at all strengths.

draw("L2")

# %%
# On standardised columns dropout is L2, with :math:`\lambda_2 = q/(1-q)`: the same curves, over
# another axis.

draw("Dropout")

# %%
# The equality, in numbers. On columns that are *not* standardised it ends: dropout shrinks each
# column in its own unit, L2 all in the same.

rate = 0.3
same = L2Regressor(l2_lambda=rate / (1 - rate)).fit(X, y).coef_
print(abs(DropoutRegressor(rate).fit(X, y).coef_ - same).max())

# %%
# Each point of a path is certified: how far its objective is from the least there is, at most, as a
# share of the loss of the best constant.

for name, path in paths.items():
    print(f"{name:8} {2 * path.dual_gaps.max() / y.var(ddof=0):.0e}")
