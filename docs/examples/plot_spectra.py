r"""
More features than rows: fat in meat, from spectra
==================================================

A spectrometer measures the absorbance of 215 samples of minced meat at 100 wavelengths; the target
is their fat. Neighbouring wavelengths are all but copies of each other, and with the products of
all there are some five thousand features, of 150 rows to learn from: the shape that data of gene
expression have as well.

.. math:: \frac{1}{2n} \lVert y - Xw - b \rVert^2 + \lambda_1 \lVert w \rVert_1
   + \frac{\lambda_2}{2} \lVert w \rVert_2^2, \qquad p \gg n
"""

# %%
# The data, from the R package modeldata: each line is the spectrum of one sample. How thick the
# sample is moves the whole line, so we standardise each spectrum, and take its slopes.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from skreg import L1RegressorCV, L2Regressor, L2RegressorCV

with np.load("data/tecator_meats.npz") as file:
    X, fat = file["X"], file["y"]
wavelength = np.linspace(850, 1050, X.shape[1])  # nm: the range of the instrument

fig, ax = plt.subplots(layout="constrained")
colours = plt.cm.viridis(fat / fat.max())
for spectrum, colour in zip(X, colours, strict=True):
    ax.plot(wavelength, spectrum, color=colour, linewidth=0.6)
scale = plt.cm.ScalarMappable(plt.Normalize(0, fat.max()), "viridis")
fig.colorbar(scale, ax=ax, label="fat (per cent)")
ax.set(
    xlabel="wavelength (nm)",
    ylabel="absorbance (log10 of light in over light out)",
    title="Spectra of 215 samples of meat",
)
plt.show()

spectra = (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True)
slopes = np.diff(spectra, axis=1)

# %%
# The strength of L1 chosen by five folds, of L2 by leave-one-out, and what the fits say of samples
# that they did not see. Dropout is missing here: on standardised columns it is L2.

train, test, fat_train, fat_test = train_test_split(slopes, fat, test_size=65, random_state=0)

models = {
    "least squares": L2Regressor(0),
    "L1, 5 folds": L1RegressorCV(),
    "L2, leave-one-out": L2RegressorCV(),
}
products = PolynomialFeatures(2, include_bias=False)
fitted = {}
for name, model in models.items():
    fitted[name] = make_pipeline(products, StandardScaler(), model).fit(train, fat_train)
    rmse = np.sqrt(np.mean((fitted[name].predict(test) - fat_test) ** 2))
    used = np.count_nonzero(fitted[name][-1].coef_)
    print(f"{name:18} error {rmse:5.2f} % fat, {used:4d} features")
print(f"{'always the mean':18} error {np.sqrt(np.mean((fat_test - fat_train.mean()) ** 2)):5.2f}")

# %%
# L2 averages over the near copies, where L1 must pick among them; but L1 says that a few features
# are nearly enough. Least squares meets all rows of the training set exactly, and still is not far
# off, because of all such fits it is the one of least norm. Below, predictions stand against the
# truth; a perfect model would be on the line.

fig, axes = plt.subplots(1, 3, figsize=(9, 3.3), sharex=True, sharey=True, layout="constrained")
for ax, (name, model) in zip(axes, fitted.items(), strict=True):
    ax.plot([0, 55], [0, 55], color="0.6", linewidth=1)
    ax.plot(fat_test, model.predict(test), ".")
    ax.set(title=name, xlabel="fat, measured (per cent)")
axes[0].set_ylabel("fat, predicted (per cent)")
plt.show()
