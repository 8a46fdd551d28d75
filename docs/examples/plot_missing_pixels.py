r"""
Digits with deleted pixels: what dropout is for
===============================================

Train a model on complete images, then delete pixels when it predicts: a dead sensor, a folded page.
Least squares leans on differences between neighbouring pixels and falls over. A model trained with
dropout has seen such deletions, all of them at once: for squared loss their average is

.. math:: \mathbb{E}\, \tfrac{1}{2n} \lVert y - \tilde X w - b \rVert^2
   = \tfrac{1}{2n} \lVert y - Xw - b \rVert^2
   + \tfrac12 \sum_j \tfrac{q}{1-q}\, m_j\, w_j^2 ,

and this is what :class:`~skreg.DropoutRegressor` minimises, exactly.
"""

# %%
# scikit-learn's digits: 8 x 8 pixels of 16 greys. Each class is a target of its own (1 for its
# digit, 0 for the others), and the largest of the ten predictions wins.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelBinarizer

from skreg import DropoutRegressor, L2RegressorCV

X, digit = load_digits(return_X_y=True)
train, test, digit_train, digit_test = train_test_split(
    X, digit, test_size=0.5, stratify=digit, random_state=0
)
y = LabelBinarizer().fit_transform(digit_train).astype(float)


def delete(X, share, seed):
    """Delete a share of the pixels at random: each becomes the mean that training saw there."""
    gone = np.random.default_rng(seed).random(X.shape) < share
    return np.where(gone, train.mean(axis=0), X)


fig, axes = plt.subplots(2, 5, figsize=(7, 3), layout="constrained")
for k in range(5):
    axes[0, k].imshow(test[k].reshape(8, 8), cmap="gray_r")
    axes[1, k].imshow(delete(test, 0.5, 0)[k].reshape(8, 8), cmap="gray_r")
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("as it is")
axes[1, 0].set_ylabel("half deleted")
fig.suptitle("Five digits of the test set, before and after pixels are deleted")
plt.show()

# %%
# Accuracy on the test images, mean of five draws of the deleted pixels, for dropout at several
# rates and for a ridge whose strength is chosen by leave-one-out on complete images.


def accuracy(model, share):
    """Return the share of digits that are recognised, averaged over draws."""
    draws = [delete(test, share, seed) for seed in range(5)]
    return np.mean([(model.predict(draw).argmax(axis=1) == digit_test).mean() for draw in draws])


models = {f"dropout, rate {q:g}": DropoutRegressor(q).fit(train, y) for q in (0, 0.1, 0.5, 0.8)}
models["ridge, leave-one-out"] = L2RegressorCV().fit(train, y)

shares = [0, 0.1, 0.25, 0.5, 0.75]
found = {name: [accuracy(model, share) for share in shares] for name, model in models.items()}
print(f"{'share of the pixels deleted':28}", *(f"{share:5g}" for share in shares))
for name, values in found.items():
    print(f"{name:28}", *(f"{value:5.2f}" for value in values))

fig, ax = plt.subplots(layout="constrained")
for name, values in found.items():
    ax.plot(shares, values, "o--" if "ridge" in name else "o-", label=name)
ax.set(
    xlabel="share of the pixels deleted when predicting",
    ylabel="accuracy (share of the digits recognised)",
    title="Digits: dropout pays where pixels are missing",
    ylim=(0, 1),
)
ax.legend(loc="lower left")
plt.show()

# %%
# Read the table both ways. Where pixels are missing, dropout is far ahead; that is its honest
# selling point. On complete images (first column) a high rate costs accuracy, and a ridge does
# about as well as the best of them. If nothing will be missing, you do not need dropout. The more
# you expect to miss, the higher the rate to take.
