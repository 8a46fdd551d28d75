"""Linear regression regularised by L1, L2 and dropout: one objective, exact, certified."""

from .linear.dropout import DropoutRegressor
from .linear.l1 import L1Regressor
from .linear.l2 import L2Regressor
from .model_selection.dropout_cv import DropoutRegressorCV
from .model_selection.l1_cv import L1RegressorCV
from .model_selection.l2_cv import L2RegressorCV
from .model_selection.path import RegularizationPath, regularization_path
from .network.classifier import NetworkClassifier, NetworkClassifierCV
from .network.regressor import NetworkRegressor, NetworkRegressorCV
from .plotting.cv_display import CVDisplay
from .plotting.display import RegularizationPathDisplay
from .problem.moments import Moments

__all__ = [
    "CVDisplay",
    "DropoutRegressor",
    "DropoutRegressorCV",
    "L1Regressor",
    "L1RegressorCV",
    "L2Regressor",
    "L2RegressorCV",
    "Moments",
    "NetworkClassifier",
    "NetworkClassifierCV",
    "NetworkRegressor",
    "NetworkRegressorCV",
    "RegularizationPath",
    "RegularizationPathDisplay",
    "regularization_path",
]
__version__ = "0.1.0"
