r"""
A table: networks beside boosting
=================================

The usual choice for a table is gradient boosting. Networks are worth a try beside it, where the
target depends smoothly on the columns: here the price of 2930 houses in Ames, Iowa.

.. math:: \mathbb{E}_{\text{masks}}\, \tfrac{1}{2n} \sum_i (\log y_i - z(x_i))^2
   + \tfrac{\lambda_2}{2} \sum W^2
"""

# %%
# Numbers, and words that become columns of zeros and ones. The network scales what it gets.

import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skreg import L2RegressorCV, NetworkRegressorCV

houses = pd.read_csv("data/ames_housing.csv.xz", keep_default_na=False)
log_price = np.log(houses.pop("Sale_Price"))
words = make_column_selector(dtype_exclude="number")
columns = make_column_transformer(
    (OneHotEncoder(handle_unknown="ignore", min_frequency=10, sparse_output=False), words),
    remainder="passthrough",
)
train, test, log_train, log_test = train_test_split(houses, log_price, random_state=0)

models = {
    "linear, L2": make_pipeline(StandardScaler(), L2RegressorCV()),
    "boosting": HistGradientBoostingRegressor(random_state=0),
    "networks": NetworkRegressorCV(
        (20,), dropout_rates=[0.05, 0.2], l2_lambdas=[1e-3, 1e-2, 1e-1], random_state=0
    ),
}
fitted = {}
for name, model in models.items():
    start = time.perf_counter()
    fitted[name] = make_pipeline(columns, model).fit(train, log_train)
    seconds = time.perf_counter() - start
    off = log_test - fitted[name].predict(test)
    print(f"{name:10} RMSE of the log price {np.sqrt(np.mean(off**2)):.4f}  ({seconds:.1f} s)")

both = (fitted["boosting"].predict(test) + fitted["networks"].predict(test)) / 2
print(f"mean of both: {np.sqrt(np.mean((log_test - both) ** 2)):.4f}")

# %%
# The two err on different houses, so that their mean is better than either. The folds chose more L2
# and more dropout than tables of a few columns need: here are 240, most of them with few ones.

networks = fitted["networks"][-1]
print(f"dropout_rate_ {networks.dropout_rate_:g}, l2_lambda_ {networks.l2_lambda_:g}")

# %%
# Every price gets an interval, from residuals of rows that a network has not seen. Nine in ten test
# houses should lie within theirs.

inputs = fitted["networks"][:-1].transform(test)
low, high = np.exp(networks.predict_interval(inputs, coverage=0.9)).T
price = np.exp(log_test)
print(f"within the interval: {np.mean((low <= price) & (price <= high)):.3f}")

order = np.argsort(networks.predict(inputs))[::10]
fig, ax = plt.subplots(layout="constrained")
place = np.arange(len(order))
ax.fill_between(place, low[order] / 1e3, high[order] / 1e3, alpha=0.3, label="90% interval")
ax.plot(place, price.to_numpy()[order] / 1e3, ".", color="black", label="price")
ax.set_xlabel("every tenth test house, by prediction")
ax.set_ylabel("thousands of dollars")
ax.set_title("Prices in Ames and their intervals")
ax.legend()
plt.show()
