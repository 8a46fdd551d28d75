r"""
Sparse text: the year of a work of art
======================================

The Tate lists artist, title, medium and year of its works. Words, weighed by TF-IDF, make a large
sparse matrix. All the estimators here take it as it is: the intercept is fitted without centring
the columns, which would fill the matrix.

.. math:: \frac{1}{2n} \lVert y - Xw - b \rVert^2 + \lambda_1 \lVert w \rVert_1
   \quad\text{or}\quad \dots + \frac{\lambda_2}{2} \lVert w \rVert_2^2
   \quad\text{or}\quad \dots + \frac12 \sum_j \frac{q}{1-q}\, m_j\, w_j^2
"""

# %%
# The matrix: artist, medium and title as words.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline

from skreg import DropoutRegressor, L1Regressor, L2Regressor

works = pd.read_csv("data/tate_text.csv.xz", keep_default_na=False)
text = works["artist"] + " " + works["medium"] + " " + works["title"]
train, test, year_train, year_test = train_test_split(text, works["year"], random_state=0)

words = TfidfVectorizer(min_df=2, sublinear_tf=True)
X = words.fit_transform(train)
print(f"{X.shape[0]} works, {X.shape[1]} words, {X.nnz / np.prod(X.shape):.2%} not zero")

# %%
# With `drop_to="zero"` dropout deletes words from the text. The strengths are chosen on the rows of
# the training set only.

searches = {
    "L1": (L1Regressor(), "l1regressor__l1_lambda", [0.01, 0.003, 0.001, 0.0003]),
    "L2": (L2Regressor(), "l2regressor__l2_lambda", [1e-3, 3e-4, 1e-4]),
    "dropout": (
        DropoutRegressor(drop_to="zero"),
        "dropoutregressor__dropout_rate",
        [0.3, 0.5, 0.7],
    ),
}
fitted = {}
for name, (model, parameter, values) in searches.items():
    search = GridSearchCV(make_pipeline(words, model), {parameter: values}, cv=3)
    fitted[name] = search.fit(train, year_train)
    error = abs(search.predict(test) - year_test)
    used = np.count_nonzero(search.best_estimator_[-1].coef_)
    value = search.best_params_[parameter]
    print(
        f"{name:8} at {value:.2g}: median error {error.median():.1f} years, "
        f"R2 {search.score(test, year_test):.2f}, {used} words"
    )
error = abs(year_test - year_train.median())
print(f"always the median year: median error {error.median():.1f} years")

# %%
# The words that tell the year, according to L1.

best = fitted["L1"].best_estimator_
coefs = pd.Series(best[-1].coef_, best[0].get_feature_names_out()).sort_values()
shown = pd.concat([coefs.head(10), coefs.tail(10)])

fig, ax = plt.subplots(figsize=(7, 5), layout="constrained")
ax.barh(shown.index, shown, color=np.where(shown < 0, "C1", "C0"))
ax.axvline(0, color="black", linewidth=0.6)
ax.set(
    xlabel="coefficient (years per unit of TF-IDF)",
    title="Words of early works (left) and of late ones (right)",
)
plt.show()
