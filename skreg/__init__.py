"""Linear regression regularised by L1, L2 and dropout: one objective, exact, certified."""

from .data.moments import Moments
from .estimators.dropout import DropoutRegressor
from .estimators.l1 import L1Regressor
from .estimators.l2 import L2Regressor
from .pictures.cv_display import CVDisplay
from .pictures.display import RegularizationPathDisplay
from .strengths.dropout_cv import DropoutRegressorCV
from .strengths.l1_cv import L1RegressorCV
from .strengths.l2_cv import L2RegressorCV
from .strengths.path import RegularizationPath, regularization_path

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
