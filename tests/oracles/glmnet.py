"""What R's glmnet answered: see glmnet.R, which made glmnet.json and says what it minimises."""

import json
from pathlib import Path

import numpy as np

LISTS = ("weights", "penalty_factor", "X", "y", "lambda", "a0", "beta")


def entries():
    """Every recorded problem by its name: its data, parameters, strengths and solutions."""
    recorded = json.loads(Path(__file__).with_name("glmnet.json").read_text())
    return {
        entry["name"]: {**entry, **{key: np.array(entry[key], dtype=float) for key in LISTS}}
        for entry in recorded
    }
