"""The race: all solvers on one problem and strength, in one process, taking turns.

The process is a fork of the one that made the data and warmed the solvers up (skglm's compilation
is not timed here). First each solver climbs its ladder until the judge is content; then those that
took less than `LONG` seconds run again in rounds, in turn, and the median of the rounds counts. The
parent watches the clock, since compiled loops cannot be interrupted: it kills the process when one
fit exceeds its limit, and forks another for the rest. A solver killed, or at its last tolerance
still not good enough, counts with the limit. A peer is also given up at `HOPELESS` times the
fastest peer so far, which cannot change who is fastest.
"""

import multiprocessing
import os
import resource
import signal
import time
import traceback
import warnings

import judge
import numpy as np
from solvers import OURS

LONG = 2.0  # seconds from which a fit is not repeated
ROUNDS = ((0.2, 5), (LONG, 3))  # up to so many seconds, so many rounds
HOPELESS, PATIENCE = 4.0, 1.0  # given up at so many times the fastest peer, but not before (s)
REST = 0.1  # seconds before a fit: the BLAS threads of the one before wait for work so long
MEMORY = 12 * 2**30  # bytes of the racing process; beyond them a fit fails
GRACE = 60.0  # seconds for the judge and for R to read the data, on top of a limit


def race(problem, X, y, ratio, solvers, limit):
    """Return one row (a dict) per solver."""
    lam = ratio * judge.lambda_max(X, y)
    rows = {}
    while True:
        climbers = [solver for solver in solvers if solver.name not in rows]
        repeats = [s for s in solvers if rows.get(s.name, {}).get("status") == "ok"]
        killed = _watch((X, y, lam, problem.goal, climbers, repeats, rows), rows, limit)
        if killed is None:
            break
        rows[killed["solver"]] = killed
    for row in rows.values():
        rounds = row.pop("rounds", [])
        row["seconds"] = float(np.median(rounds or [row["seconds"]]))
        row.update(problem=problem.name, ratio=ratio, lam=lam, n_rounds=len(rounds) or 1)
    return [rows[solver.name] for solver in solvers]


def warm_up(solvers, X, y):
    """Fit each solver once on a small part of the data, so that compilation is not timed."""
    n, p = min(X.shape[0], 200), min(X.shape[1], 40)
    if hasattr(X, "tocsc"):  # the fullest columns, as the others may be empty up there
        X = X[:n][:, np.argsort(-np.diff(X[:n].tocsc().indptr), kind="stable")[:p]].tocsc()
    else:
        X = np.asfortranarray(X[:n, :p])
    y = y[:n]
    lam = 0.01 * judge.lambda_max(X, y)
    for solver in solvers:
        if solver.takes(X) and lam > 0:
            _timed(solver, X, y, lam, solver.ladder[0])


def _watch(task, rows, limit):
    """Run `task` in a fork, entering what it sends into `rows`; return the row of one killed."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(theirs, *task), daemon=True)
    process.start()
    theirs.close()
    runs, seconds_left, reached = None, GRACE, {}
    try:
        while ours.poll(seconds_left):
            kind, name, row = ours.recv()
            if kind == "end":
                return None
            runs = name if kind == "start" else None
            seconds_left = _limit_of(name, rows, limit, row) if kind == "start" else GRACE
            if kind == "rung":
                runs, reached = name, row
            elif kind == "row":
                rows[name] = {**row, "seconds": row["seconds"] if row["status"] == "ok" else limit}
            elif kind == "round":
                rows[name].setdefault("rounds", []).append(row)
        status = "limit" if seconds_left >= limit or runs == OURS else "given up"
    except EOFError:
        status, seconds_left = "died", limit
    finally:
        _kill(process)
    if runs is None:
        raise RuntimeError("the racing process stopped between two fits")
    reached = reached if reached.get("solver") == runs else {}
    return {
        "gap": None,
        **reached,
        "solver": runs,
        "status": status,
        "seconds": min(seconds_left, limit),
    }


def _limit_of(name, rows, limit, grace):
    """Return the seconds that a solver may take."""
    peers = [row["seconds"] for key, row in rows.items() if key != OURS and row["status"] == "ok"]
    if name == OURS or not peers:
        return limit + grace
    return min(limit, max(PATIENCE, HOPELESS * min(peers))) + grace


def _work(pipe, X, y, lam, goal, climbers, repeats, rows):
    """Climb, then go round; send what happens through the pipe."""
    os.setsid()  # a process group, for R to be killed with us
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    contestants = {solver.name: (solver, rows[solver.name]) for solver in repeats}
    for solver in climbers:
        row = _climb(pipe, solver, X, y, lam, goal)
        if row["status"] == "ok":
            contestants[solver.name] = (solver, row)
    for number in range(max(rounds for _, rounds in ROUNDS)):
        for name, (solver, row) in contestants.items():
            rounds = next((k for most, k in ROUNDS if row["seconds"] < most), 0)
            if number < rounds - len(row.get("rounds", [])):
                pipe.send(("start", name, GRACE))
                pipe.send(("round", name, _timed(solver, X, y, lam, row["tol"])[1]))
    pipe.send(("end", None, None))


def _climb(pipe, solver, X, y, lam, goal):
    """Tighten the tolerance until the gap is at most `goal`; send the row, and return it."""
    row = {"solver": solver.name, "status": "failed", "seconds": 0.0, "gap": None}
    for tol in solver.ladder:
        pipe.send(("start", solver.name, GRACE if solver.name == "glmnet" else 0.0))
        try:
            fit, seconds, warned = _timed(solver, X, y, lam, tol)
        except Exception:
            row["error"] = traceback.format_exc(limit=-1)
            break
        gap = judge.relative_gap(X, y, fit.coef, fit.intercept, lam)
        row.update(
            seconds=seconds,
            tol=tol,
            gap=gap,
            n_iter=fit.n_iter,
            support=int(np.count_nonzero(fit.coef)),
            warned=warned,
            date=time.strftime("%Y-%m-%d %H:%M"),
            status="ok" if gap <= goal else "not reached",
        )
        if gap <= goal:
            break
        pipe.send(("rung", solver.name, row))
    pipe.send(("row", solver.name, row))
    return row


def _timed(solver, X, y, lam, tol):
    """Fit; return the fit, its seconds and whether it warned."""
    time.sleep(REST)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.perf_counter()
        fit = solver.fit(X, y, lam, tol)
        seconds = time.perf_counter() - start
    warned = any("onverge" in str(warning.message) for warning in caught)
    return fit, fit.seconds or seconds, warned


def _kill(process):
    """End the process, and what it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:  # it has ended, or has no group of its own yet
        process.kill()
    process.join()
