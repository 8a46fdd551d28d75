"""Many rows: the speed of a stream, of a cluster of processes, and of a file larger than memory.

Rates are rows per second of the fastest of several rounds in which all take turns: the bare Gram is
`G += B.T @ B` over blocks of rows, which reads X once and computes nothing else. The bytes that
Dask's workers send are their own count.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

WIDTHS = (20, 50, 100, 300, 1000)
BATCH = 10_000  # rows
MEGABYTES = 320  # of X in memory


def throughput(rounds=5, widths=WIDTHS):
    """Return a row per number of columns: millions of rows per second, by what is done."""
    from sklearn.linear_model import SGDRegressor

    from skreg import L1Regressor, L2Regressor, Moments

    rows = []
    for p in widths:
        n = MEGABYTES * 10**6 // (8 * p) // BATCH * BATCH
        rng = np.random.default_rng(0)
        X = rng.standard_normal((n, p)) + rng.uniform(-1, 1, p)
        y = X[:, :5].sum(axis=1) + rng.standard_normal(n)
        batches = [slice(k, k + BATCH) for k in range(0, n, BATCH)]
        calls = {
            "bare Gram": lambda X=X: _bare_gram(X),
            "Moments.from_data": lambda X=X, y=y: Moments.from_data(X, y),
            "the same, columns about 10": lambda Z=X + 10, y=y: Moments.from_data(Z, y),
        }
        for model in (L2Regressor(0.1), L1Regressor(0.1), SGDRegressor()):
            calls[f"{type(model).__name__}.partial_fit"] = lambda args=(model, X, y, batches): (
                _stream(*args)
            )
        seconds = _turns(calls, rounds)
        rows.append({"p": p, "n": n, **{name: n / s / 1e6 for name, s in seconds.items()}})
        print(rows[-1], flush=True)
    return rows


def _bare_gram(X, rows=2000):
    """Add up the products of blocks of rows."""
    gram = np.zeros((X.shape[1],) * 2)
    for start in range(0, len(X), rows):
        block = X[start : start + rows]
        gram += block.T @ block
    return gram


def _stream(model, X, y, batches):
    """Fit a clone of the model batch by batch."""
    from sklearn.base import clone

    model = clone(model)
    for rows in batches:
        model.partial_fit(X[rows], y[rows])


def _turns(calls, rounds):
    """Return the seconds of each call, the least of the rounds."""
    best = dict.fromkeys(calls, np.inf)
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


# ---------------------------------------------------------------------------- a cluster


def cluster(rounds=3):
    """Return a row per number of worker processes: seconds of a fit, bytes sent per worker.

    The last row is of many partitions with next to nothing in them: what a task costs.
    """
    shapes = [(1, 1000, 64, 5_000), (2, 1000, 64, 5_000), (2, 10, 2_000, 500)]
    return [_on_workers(*shape, rounds) for shape in shapes]


def _on_workers(n_workers, p, n_parts, length, rounds):
    """Fit generated rows on so many processes, one thread each."""
    import dask.array as da
    from dask.distributed import Client, LocalCluster

    from skreg import L2Regressor

    def sent(dask_worker):
        return dask_worker.transfer_outgoing_bytes_total

    chunks = ((length,) * n_parts,)
    X = da.map_blocks(_rows, chunks=(*chunks, (p,)), dtype=float, meta=np.empty((0, 0)))
    y = da.map_blocks(_targets, chunks=chunks, dtype=float, meta=np.empty(0))
    options = {"processes": True, "host": "127.0.0.1", "dashboard_address": None}
    with (
        LocalCluster(n_workers=n_workers, threads_per_worker=1, **options) as nodes,
        Client(nodes) as client,
    ):
        client.run(_import)
        seconds, bytes_sent = [], []
        for _ in range(rounds):
            before, start = client.run(sent), time.perf_counter()
            L2Regressor().fit(X, y)
            seconds.append(time.perf_counter() - start)
            after = client.run(sent)
            bytes_sent.append(max(after[w] - before[w] for w in after))
    fastest = int(np.argmin(seconds))
    row = {
        "workers": n_workers,
        "p": p,
        "n": n_parts * length,
        "parts": n_parts,
        "seconds": seconds[fastest],
        "bytes_sent_per_worker": bytes_sent[fastest],
        "matrix_bytes": 8 * p * p,
    }
    print(row, flush=True)
    return row


def _import():
    """Import what a task needs, so that the first does not pay for it."""
    import skreg  # noqa: F401


def _rows(block_info):
    """Return the rows of one partition: cheap to make, so that the moments are what is timed."""
    n, p = block_info[None]["chunk-shape"]
    seed = block_info[None]["chunk-location"][0]
    base = np.random.default_rng(seed).standard_normal((500, p))
    return np.tile(base, (-(-n // 500), 1))[:n]


def _targets(block_info):
    """Return the targets of one partition."""
    (n,) = block_info[None]["chunk-shape"]
    return np.random.default_rng(block_info[None]["chunk-location"][0]).standard_normal(n)


# ---------------------------------------------------------------------------- a file


def larger_than_memory(gigabytes=10.0, p=100, folder=None, memory_gigabytes=2.0):
    """Return the seconds and the peak memory of the fit of a file, in a process of its own.

    The limit is on the memory that is the process's own (RLIMIT_DATA); pages of the file come and
    go. Before each reading the system is asked to forget the file, so that the disk is read.
    """
    with tempfile.TemporaryDirectory(dir=folder) as place:
        path, y_path = Path(place) / "X.dat", Path(place) / "y.dat"
        n = _write(path, y_path, gigabytes, p)
        row = {"gigabytes": path.stat().st_size / 1e9, "n": n, "p": p}
        row["read_seconds"] = _read(path)
        _forget(path)
        arguments = [path, y_path, n, p, memory_gigabytes]
        command = [sys.executable, __file__, *map(str, arguments)]
        out = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        row.update(json.loads(out.stdout), limit_gigabytes=memory_gigabytes)
    print(row, flush=True)
    return row


def _write(path, y_path, gigabytes, p, rows=20_000):
    """Write random rows, no two blocks the same, and their targets; return how many."""
    rng = np.random.default_rng(0)
    base = rng.standard_normal((rows, p))
    n_blocks = int(gigabytes * 1e9 / base.nbytes)
    with open(path, "wb") as file, open(y_path, "wb") as y_file:
        for k in range(n_blocks):
            X = base + k / n_blocks
            X.tofile(file)
            (X[:, :5].sum(axis=1) + rng.standard_normal(rows)).tofile(y_file)
        os.fsync(file.fileno())
    return rows * n_blocks


def _read(path, block=2**26):
    """Return the seconds to read the file and do nothing with it."""
    _forget(path)
    buffer, start = bytearray(block), time.perf_counter()
    with open(path, "rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
    return time.perf_counter() - start


def _forget(path):
    """Ask the system to drop what it holds of the file."""
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _fit_file(path, y_path, n, p, memory_gigabytes):
    """Fit the file, and print seconds and peak memory."""
    from skreg import L1Regressor, L2Regressor

    L2Regressor().fit(np.eye(3), np.arange(3.0))
    limit = int(memory_gigabytes * 1e9)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    X = np.memmap(path, dtype=np.float64, mode="r", shape=(n, p))
    y = np.memmap(y_path, dtype=np.float64, mode="r", shape=(n,))
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    start = time.perf_counter()
    model = L1Regressor(0.01).fit(X, y)
    seconds = time.perf_counter() - start
    print(
        json.dumps(
            {
                "fit_seconds": seconds,
                "peak_bytes": _status("VmHWM"),
                "bytes_before": before,
                "nonzero": int(np.count_nonzero(model.coef_)),
                "gap": float(model.dual_gap_),
            }
        )
    )


def _status(name):
    """Return an entry of the process's status, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return 1024 * int(line.split()[1])
    raise KeyError(name)


# ---------------------------------------------------------------------------- the report


def markdown(results):
    """Return the page."""
    machine = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    parts = [
        "# Many rows",
        "Made by `python docs/benchmarks/run.py large` (`pip install -e '.[dask]'`); the numbers"
        f" are in `results/`. {machine['cpu']}, {machine['cores']} cores, {results['threads']} BLAS"
        f" thread(s), {results['date']}; {versions}.",
    ]
    if results.get("throughput"):
        parts += [
            "## A stream",
            f"Millions of rows per second, {MEGABYTES} MB of float64 in memory; `partial_fit` in"
            f" batches of {BATCH} rows, solving after each; one epoch of `SGDRegressor`, which is"
            " approximate and untuned. In brackets: the share of the bare Gram's rate.",
            _throughput_table(results["throughput"]),
        ]
    if results.get("cluster"):
        parts += [
            "## A cluster of processes",
            "`L2Regressor().fit` of a Dask array whose partitions are made on the workers, one"
            " thread each.",
            _cluster_table(results["cluster"]),
        ]
    if results.get("file"):
        parts += ["## A file larger than memory", _file_table(results["file"])]
    return "\n\n".join(parts) + "\n"


def _throughput_table(rows):
    """Return the table of rates."""
    names = [name for name in rows[0] if name not in ("p", "n")]
    lines = ["| columns | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for row in rows:
        shares = [f"{row[name]:.2g} ({row[name] / row[names[0]]:.2f})" for name in names[1:]]
        lines.append(f"| {row['p']} | {row[names[0]]:.2g} | " + " | ".join(shares) + " |")
    return "\n".join(lines)


def _cluster_table(rows):
    """Return the table of a cluster's seconds and bytes."""
    lines = [
        "| processes | rows x columns | partitions | seconds | partitions per second |"
        " most bytes sent by a worker | in matrices of 8 p^2 bytes per partition of its |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        own = row["parts"] / row["workers"]
        matrices = row["bytes_sent_per_worker"] / row["matrix_bytes"] / own
        lines.append(
            f"| {row['workers']} | {row['n']} x {row['p']} | {row['parts']} | {row['seconds']:.2f}"
            f" | {row['parts'] / row['seconds']:.0f}"
            f" | {row['bytes_sent_per_worker'] / 1e6:.1f} MB | {matrices:.2f} |"
        )
    return "\n".join(lines)


def _file_table(rows):
    """Return the table of files."""
    lines = [
        "| file | rows x columns | reading it | fit | peak memory | of that before the fit |"
        " memory limit |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        rates = [row["gigabytes"] / row[name] for name in ("read_seconds", "fit_seconds")]
        lines.append(
            f"| {row['gigabytes']:.1f} GB | {row['n']} x {row['p']} | {row['read_seconds']:.1f} s,"
            f" {rates[0]:.2f} GB/s | {row['fit_seconds']:.1f} s, {rates[1]:.2f} GB/s |"
            f" {row['peak_bytes'] / 1e6:.0f} MB | {row['bytes_before'] / 1e6:.0f} MB |"
            f" {row['limit_gigabytes']:g} GB |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    _fit_file(*sys.argv[1:3], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
