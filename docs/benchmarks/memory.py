"""The peak memory of cross-validating a large X, each estimator in a fresh process.

X is made in place and the peak forgotten, so that what counts is X itself and what the fit adds.
"""

import json
import subprocess
import sys
from pathlib import Path

N_ROWS, N_COLUMNS = 1_250_000, 200  # 2 GB of float64
ESTIMATORS = {
    "L1RegressorCV": "L1RegressorCV()",
    "L2RegressorCV": "L2RegressorCV()",
    "L2RegressorCV(cv=5)": "L2RegressorCV(cv=5)",
    "DropoutRegressorCV": "DropoutRegressorCV()",
}
PROGRAM = """
import json, time
from pathlib import Path
import numpy as np
import skreg

def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(name)).split()[1])

rng = np.random.default_rng(0)
X = np.empty(({n}, {p}))
for rows in range(0, {n}, 10_000):
    X[rows : rows + 10_000] = rng.standard_normal((10_000, {p}))
y = X[:, :20].sum(axis=1) + rng.standard_normal({n})
before = status("VmRSS")
Path("/proc/self/clear_refs").write_text("5")
start = time.process_time()
skreg.{estimator}.fit(X, y)
seconds = time.process_time() - start
print(json.dumps(dict(bytes_before=before, peak_bytes=status("VmHWM"), seconds=seconds)))
"""


def measure():
    """Yield a row (a dict) for each estimator."""
    for name, estimator in ESTIMATORS.items():
        program = PROGRAM.format(n=N_ROWS, p=N_COLUMNS, estimator=estimator)
        run = subprocess.run(
            [sys.executable, "-c", program],
            check=True,
            capture_output=True,
            text=True,
            cwd=Path(__file__).resolve().parents[2],  # whose skreg is measured
        )
        yield {"call": name, "n": N_ROWS, "p": N_COLUMNS, **json.loads(run.stdout)}


def table(rows):
    """Return the table of the rows."""
    lines = [
        "| call | rows x columns | X | before the fit | peak | processor seconds |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['call']} | {row['n']} x {row['p']} | {8e-9 * row['n'] * row['p']:.2f} GB | "
        f"{row['bytes_before'] / 1e9:.2f} GB | {row['peak_bytes'] / 1e9:.2f} GB | "
        f"{row['seconds']:.3g} |"
        for row in rows
    ]
    return "\n".join(lines)
