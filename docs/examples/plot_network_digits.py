r"""
Digits with deleted pixels: a network beside the linear model
=============================================================

A linear model of digits that was trained under dropout of its pixels bears deleted pixels well. How
does a small network do, whose inputs were dropped in training?

.. math:: \mathbb{E}_{\text{masks}} \Bigl[ -\tfrac1n \sum_i \log p(y_i \mid x_i) \Bigr]
   + \tfrac{\lambda_2}{2} \sum W^2
"""

# %%
# scikit-learn's digits: 8 x 8 pixels of 16 greys. The linear model has a target of 0 and 1 for each
# class; the network predicts probabilities. Pixels stay on their own scale, so that a deleted one
# is white.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelBinarizer

from skreg import DropoutRegressor, NetworkClassifier

X, digit = load_digits(return_X_y=True)
X = X / 16
train, test, digit_train, digit_test = train_test_split(
    X, digit, test_size=0.5, stratify=digit, random_state=0
)

linear = DropoutRegressor(0.3, drop_to="zero")
linear.fit(train, LabelBinarizer().fit_transform(digit_train))
networks = {
    "network, no dropout": NetworkClassifier((64,), dropout_rate=0.0),
    "network, hidden units dropped": NetworkClassifier((64,), dropout_rate=0.2),
    "network, pixels dropped": NetworkClassifier((64,), input_dropout_rate=0.3),
}
for network in networks.values():
    network.set_params(standardize=False, random_state=0).fit(train, digit_train)
    print(f"{network.solver_}: {network.n_iter_} iterations")

# %%
# Dropout of the last hidden layer is averaged over by L-BFGS; masks of the pixels are drawn, by
# Adam. Now pixels of the test images are deleted at random.

rates = np.linspace(0, 0.6, 7)
rng = np.random.default_rng(0)
deleted = [test * (rng.random(test.shape) >= rate) for rate in rates]
accuracy = {
    "linear, pixels dropped": [
        np.mean(linear.predict(images).argmax(axis=1) == digit_test) for images in deleted
    ]
}
for name, network in networks.items():
    accuracy[name] = [network.score(images, digit_test) for images in deleted]

fig, ax = plt.subplots(layout="constrained")
for name, values in accuracy.items():
    ax.plot(rates, values, "o-", label=name)
ax.set_xlabel("share of the pixels that are deleted")
ax.set_ylabel("accuracy on test images")
ax.set_title("Digits: dropout of what will be missing")
ax.legend()
plt.show()

# %%
# On complete images every network is far ahead of the linear model. What protects against deleted
# pixels is dropout of the pixels; that of hidden units is another thing.

for name, values in accuracy.items():
    print(f"{name:30} complete {values[0]:.3f}, 30% deleted {values[3]:.3f}")
