r"""
A file, a few rows at a time
============================

Of any number of rows a fit needs only

.. math:: S, \quad \bar x, \quad \bar y, \quad \tfrac1S X^\top X, \quad \tfrac1S X^\top y,
   \quad \tfrac1S y^\top y \qquad (X, y \text{ centred}),

which add up over batches. So a file that is read in parts gives the very coefficients that it would
give in one piece, and afterwards any strength can be tried without reading it again.
"""

# %%
# The prices of houses in Ames, as a CSV file that is read 200 rows at a time.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from skreg import L1Regressor, Moments

houses = pd.read_csv("data/ames_housing.csv.xz", keep_default_na=False).select_dtypes("number")
houses = houses.sample(frac=1, random_state=0)  # they are sorted by neighbourhood
file = Path(tempfile.mkdtemp()) / "houses.csv"
houses.to_csv(file, index=False)


def batches():
    """Yield X and y, the price in thousands of dollars, of 200 rows at a time."""
    for rows in pd.read_csv(file, chunksize=200):
        price = rows.pop("Sale_Price") / 1000
        yield rows, price


# %%
# `partial_fit` after each batch: the model is ready at any time.

model = L1Regressor(l1_lambda=100.0)
seen, history = [], []
for X, price in batches():
    model.partial_fit(X, price)
    seen.append(model.moments_.weight)
    history.append(model.coef_)

everything = pd.read_csv(file)
price = everything.pop("Sale_Price") / 1000
at_once = L1Regressor(l1_lambda=100.0).fit(everything, price)
used = at_once.coef_ != 0
difference = abs(model.coef_[used] / at_once.coef_[used] - 1).max()
print(f"largest relative difference from one fit of all rows: {difference:.0e}")

# %%
# How the coefficients settle. They are drawn times the standard deviation of their column, so that
# they can be compared.

spread = np.sqrt(model.moments_.gram.diagonal())
curves = np.array(history) * spread
largest = np.argsort(-abs(curves[-1]))[:5]

fig, ax = plt.subplots(layout="constrained")
for k in largest:
    ax.plot(seen, curves[:, k], label=model.feature_names_in_[k].replace("_", " "))
ax.set(
    xlabel="rows so far",
    ylabel="coefficient\n(thousands of dollars per standard deviation)",
    title="Prices in Ames: the model after each batch of 200 rows",
    ylim=(None, 1.6 * curves[:, largest].max()),
)
ax.legend(loc="upper right", ncols=2)
plt.show()

# %%
# Another strength needs no data. Nor does a model fitted elsewhere: moments add up, and keep no
# row that could be read back.

for strength in (1000.0, 100.0, 10.0):
    model.set_params(l1_lambda=strength).refit()
    print(f"l1_lambda {strength:6g}: {np.count_nonzero(model.coef_)} of {X.shape[1]} features")

parts = [Moments.from_data(X, price) for X, price in batches()]
print(sum(parts[1:], parts[0]))
file.unlink()
file.parent.rmdir()
