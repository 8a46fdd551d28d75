"""Linear regression regularised by L1, L2 and dropout: one objective, exact, certified."""

from ._cv_display import CVDisplay
from ._display import RegularizationPathDisplay
from ._dropout import DropoutRegressor
from ._dropout_cv import DropoutRegressorCV
from ._l1 import L1Regressor
from ._l1_cv import L1RegressorCV
from ._l2 import L2Regressor
from ._l2_cv import L2RegressorCV
from ._moments import Moments
from ._path import RegularizationPath, regularization_path

__all__ = [
    "CVDisplay",
    "DropoutRegressor",
    "DropoutRegressorCV",
    "L1Regressor",
    "L1RegressorCV",
    "L2Regressor",
    "L2RegressorCV",
    "Moments",
    "RegularizationPath",
    "RegularizationPathDisplay",
    "regularization_path",
]
__version__ = "0.1.0.dev0"
