"""Linear regression regularised by L1, L2 and dropout: one objective, exact, certified."""

from ._dropout import DropoutRegressor
from ._l1 import L1Regressor
from ._l2 import L2Regressor
from ._moments import Moments

__all__ = ["DropoutRegressor", "L1Regressor", "L2Regressor", "Moments"]
__version__ = "0.1.0.dev0"
