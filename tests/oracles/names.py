"""Which solvers to try: the names in the library's table, and what each of them can do.

A new row of that table is tested wherever these lists are the parameters of a test.
"""

from skreg.solvers.table import SOLVERS

FAMILIES = {"L1Regressor": "l1", "L2Regressor": "l2", "DropoutRegressor": "dropout"}
EXACT = {
    estimator: [name for name, row in SOLVERS.items() if row.exact and family in row.families]
    for estimator, family in FAMILIES.items()
}
LOOP = {
    estimator: name
    for estimator, family in FAMILIES.items()
    for name, row in SOLVERS.items()
    if not row.exact and family in row.families
}
NAMES = {name for name, row in SOLVERS.items() if row.families}
RIDGE_ONLY = {name for name in NAMES if not SOLVERS[name].l1}  # neither an l1 part nor `positive`
DENSE_ONLY = {name for name in NAMES if not SOLVERS[name].sparse}


def solvers_for(cls, *, l1=0.0, positive=False, sparse=False):
    """The exact solvers of an estimator that can do a problem of this kind."""
    refused = (RIDGE_ONLY if l1 or positive else set()) | (DENSE_ONLY if sparse else set())
    return [name for name in EXACT[cls.__name__] if name not in refused]
