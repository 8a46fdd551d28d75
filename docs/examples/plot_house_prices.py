r"""
House prices: mixed columns in a Pipeline
=========================================

2930 houses in Ames, Iowa: numbers, years and forty columns of words. The words become columns of
zeros and ones, the price its logarithm (so that coefficients are relative changes), and a lasso
takes of some three hundred columns what it needs.

.. math:: \frac{1}{2n} \sum_i (\log y_i - x_i^\top w - b)^2 + \lambda_1 \sum_j |w_j|
"""

# %%
# A ColumnTransformer, and the estimator at the end: nothing of it is special to skreg.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skreg import DropoutRegressorCV, L1RegressorCV, L2Regressor, L2RegressorCV

houses = pd.read_csv("data/ames_housing.csv.xz", keep_default_na=False)
log_price = np.log(houses.pop("Sale_Price"))
words = houses.columns[houses.dtypes.map(lambda dtype: not pd.api.types.is_numeric_dtype(dtype))]
numbers = houses.columns.difference(words, sort=False)

columns = ColumnTransformer(
    [
        ("words", OneHotEncoder(handle_unknown="ignore", sparse_output=False), list(words)),
        ("numbers", StandardScaler(), list(numbers)),
    ],
    verbose_feature_names_out=False,
)
train, test, log_train, log_test = train_test_split(houses, log_price, random_state=0)

# %%
# The median error of a prediction, of houses that the models have not seen, and how many columns
# each uses.

models = {
    "least squares": L2Regressor(0),
    "L1": L1RegressorCV(eps=1e-4),
    "L1, one standard error": L1RegressorCV(eps=1e-4, selection="1se"),
    "L2": L2RegressorCV(),
    "dropout": DropoutRegressorCV(),
}
fitted = {}
for name, model in models.items():
    fitted[name] = make_pipeline(columns, model).fit(train, log_train)
    off = np.expm1(abs(fitted[name].predict(test) - log_test))
    used = np.count_nonzero(model.coef_)
    r2 = fitted[name].score(test, log_test)
    print(f"{name:24} median error {100 * off.median():4.1f} %, R2 {r2:.3f}, {used} columns")

# %%
# The median errors hardly differ: with several rows for each column there is little for a penalty
# to mend, but for some houses that least squares gets badly wrong, which the R2 shows. What L1
# gives is a shorter model. These are the largest of what remains at one standard error; for
# numbers the change is that per standard deviation.

pipeline = fitted["L1, one standard error"]
coefs = pd.Series(pipeline[-1].coef_, pipeline[0].get_feature_names_out())
largest = coefs[coefs.abs().sort_values().index[-15:]]

fig, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
ax.barh(largest.index.str.replace("_", " "), 100 * np.expm1(largest))
ax.set(
    xlabel="change of the price (per cent)",
    title="What moves the price of a house in Ames",
)
ax.axvline(0, color="black", linewidth=0.6)
plt.show()
