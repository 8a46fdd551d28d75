"""Dropout as it is defined: masks drawn at random, and the loss of the data that they leave."""

import numpy as np


def masked_losses(X, y, model, s, draws=4000):
    """Loss and its gradient (coef, intercept) under random inverted-dropout masks, a row a draw."""
    rng = np.random.default_rng(11)
    q = np.broadcast_to(model.dropout_rate, X.shape[1])
    share = s / s.sum()
    centre = share @ X if model.drop_to == "mean" else np.zeros(X.shape[1])
    values = []
    for _ in range(draws):
        kept = (rng.random(X.shape) >= q) / (1 - q)
        masked = centre + (X - centre) * kept
        r = masked @ model.coef_ + model.intercept_ - y
        values.append([0.5 * share @ r**2, *(masked.T @ (share * r)), share @ r])
    return np.array(values)
