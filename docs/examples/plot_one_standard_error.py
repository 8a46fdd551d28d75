r"""
The least error, or one standard error away
===========================================

Folds only estimate the error, so the strength of least error is a matter of luck to some extent.
The one-standard-error rule takes the most regularised model that is not measurably worse. For the
errors :math:`e_k` of :math:`K` folds, of mean :math:`\bar e`,

.. math:: \lambda_{1se} = \max \{\lambda : \bar e(\lambda) \le \bar e(\lambda_{min})
   + \mathrm{se}(\lambda_{min})\}, \qquad
   \mathrm{se} = \sqrt{\frac{1}{K-1} \cdot \frac1K \sum_k (e_k - \bar e)^2} .
"""

# %%
# Ten folds of the diabetes data, with the squares and products of its columns beside them.

import matplotlib.pyplot as plt
from sklearn.datasets import load_diabetes
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from skreg import CVDisplay, L1RegressorCV

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
folds = KFold(10, shuffle=True, random_state=0)


def pipeline(selection):
    """Return a lasso over the columns, their squares and products."""
    return make_pipeline(
        PolynomialFeatures(2, include_bias=False),
        StandardScaler(),
        L1RegressorCV(cv=folds, selection=selection),
    ).set_output(transform="pandas")


model = pipeline("1se").fit(X, y)

fig, ax = plt.subplots(layout="constrained")
CVDisplay.from_estimator(model, ax=ax)
ax.set_title("Ten folds of the diabetes data, 65 features")
plt.show()

# %%
# What the two rules choose, and how many features they keep. All ten folds and the final fit are
# one call: the two choices cost no more than one.

found = model[-1]
for rule, strength in [("min", found.lambda_min_), ("1se", found.lambda_1se_)]:
    at = list(found.lambdas_).index(strength)
    error = found.mse_mean_[at]
    features = (found.coef_path_[at] != 0).sum()
    print(f"{rule}  l1_lambda {strength:5.2f}, {features:2d} features, error {error:.0f}")
print(*found.feature_names_in_[found.coef_ != 0], sep=", ")

# %%
# The price, on rows that played no part in the choice: a model so much smaller explains somewhat
# less. The rule is for those who want few features, not for those who want the least error.

outer = KFold(4, shuffle=True, random_state=1)
for rule in ("min", "1se"):
    scores = cross_val_score(pipeline(rule), X, y, cv=outer)
    print(f"{rule}  R2 {scores.mean():.3f}, standard deviation over splits {scores.std():.3f}")
