r"""
Three training loops, and where they are going
==============================================

The models can also be trained as a network is: step by step down the gradient. The three loops

.. math::
   :nowrap:

   \begin{align*}
   w &\leftarrow w - \eta\,\bigl(X^\top (Xw - y)/n + \lambda_1 \operatorname{sign}(w)\bigr)
   && \texttt{subgradient} \\
   w &\leftarrow w - \eta\,\bigl(X^\top (Xw - y)/n + \lambda_2 w\bigr)
   && \texttt{gradient} \\
   w &\leftarrow w - \eta\,\tilde X^\top (\tilde X w - y)/n, \quad \tilde X \text{ masked anew}
   && \texttt{mask}
   \end{align*}

are solvers beside the exact ones. Their `loss_curve_` shows how far they get.
"""

# %%
# The diabetes data, standardised, 1000 epochs each. `tol=0` lets a loop run all its epochs. The
# distances printed are shares of the optimum.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import scale

from skreg import DropoutRegressor, L1Regressor, L2Regressor

X, y = load_diabetes(return_X_y=True)
X = scale(X)
y = y - y.mean()


def objective(model, l1=0.0, ridge=0.0):
    """Return the objective of a fitted model."""
    w = model.coef_
    loss = np.mean((y - model.predict(X)) ** 2) / 2
    return loss + l1 * abs(w).sum() + ridge / 2 * w @ w


cases = {
    "subgradient": (L1Regressor, {"l1_lambda": 5.0}, {"l1": 5.0}),
    "gradient": (L2Regressor, {"l2_lambda": 0.1}, {"ridge": 0.1}),
    "mask": (DropoutRegressor, {"dropout_rate": 0.5}, {"ridge": 1.0}),
}
fig, axes = plt.subplots(1, 3, figsize=(9.6, 3.4), layout="constrained")
for ax, (name, (Model, strength, penalty)) in zip(axes, cases.items(), strict=True):
    seed = {"random_state": 0} if name == "mask" else {}
    loop = Model(**strength, **seed, solver=name, max_iter=1000, tol=0).fit(X, y)
    exact = Model(**strength).fit(X, y)
    best = objective(exact, **penalty)
    ax.plot(np.arange(1, 1001), loop.loss_curve_, label="the loop")
    ax.axhline(best, color="black", linestyle=":", label="exact optimum")
    ax.set(title=f'solver="{name}"', xlabel="epoch", xscale="log")
    ax.legend(loc="upper right")
    above = objective(loop, **penalty) - best
    certified = loop.dual_gap_ / best
    print(f"{name:12} {above / best:.0e} above the optimum, certified to be within {certified:.0e}")
axes[0].set_ylabel("objective (squared units of y)")
plt.show()

# %%
# The gradient arrives; the subgradient and the masks come near, and then wander. So these two
# return the average of their later iterates. With `average=False` it is the last one instead.

for name in ("subgradient", "mask"):
    Model, strength, penalty = cases[name]
    best = objective(Model(**strength).fit(X, y), **penalty)
    for average in (True, False):
        seed = {"random_state": 0} if name == "mask" else {}
        loop = Model(**strength, **seed, solver=name, tol=0, average=average).fit(X, y)
        above = (objective(loop, **penalty) - best) / best
        print(f"{name:12} average={average!s:6} {above:.0e} above the optimum")
