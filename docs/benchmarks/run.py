"""The benchmarks: `python docs/benchmarks/run.py tables`, `l1`, `cv`, `large` or `network`.

Of l1, `problems` holds the suite, `solvers` who takes part, `race` how time is taken, `judge` what
counts as solved, `measures` the rest, `report` and `plot` what becomes of the rows. Results are
entered into a JSON file case by case, so that a run can be watched, broken off, and resumed; a case
run again replaces its rows there. The checkout that this file is in is what is measured.
"""

import argparse
import json
import os
import platform
import signal
import sys
import time
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGES = ["numpy", "scipy", "scikit-learn", "celer", "skglm", "numba", "dask", "distributed"]


def main(argv=None):
    """Run the sub-command."""
    parser = argparse.ArgumentParser(description="Benchmarks of skreg.")
    commands = parser.add_subparsers(required=True, metavar="BENCHMARK")
    l1 = commands.add_parser(
        "l1",
        help="lasso solvers: seconds to a duality gap of 1e-8",
        description="Race this library's lasso against scikit-learn, celer, skglm (and glmnet).",
    )
    l1.add_argument("--quick", action="store_true", help="the small problems only")
    l1.add_argument("--only", metavar="NAME,...", help="these problems only")
    l1.add_argument("--ratios", metavar="R,...", help="these lambda / lambda_max only")
    l1.add_argument("--solvers", metavar="NAME,...", help="these solvers only")
    l1.add_argument("--peers", metavar="NAME,...", default="", help="also glmnet, lars")
    l1.add_argument("--threads", type=int, default=1, help="of BLAS (default: 1)")
    l1.add_argument("--limit", type=float, default=60, help="seconds per fit (default: 60)")
    l1.add_argument("--resume", action="store_true", help="keep the rows that are there")
    l1.add_argument("--out", type=Path, help="JSON file (default: results/l1-Nthread.json)")
    l1.add_argument("--no-race", action="store_true", help="first fit and growth only")
    l1.add_argument("--report", action="store_true", help="write table and picture; run nothing")
    l1.add_argument("--list", action="store_true", help="list problems and solvers")
    l1.set_defaults(run=run_l1)
    small = commands.add_parser("tables", help="fits, searches and paths beside scikit-learn's")
    small.add_argument("--wide", action="store_true", help="more columns than rows, in place")
    small.add_argument("--threads", type=int, default=1, help="of BLAS (default: 1)")
    small.set_defaults(run=run_tables)
    large = commands.add_parser("large", help="many rows: streams, a cluster, a large file")
    large.add_argument("--threads", type=int, default=1, help="of BLAS (default: 1)")
    large.add_argument(
        "--part",
        action="append",
        choices=["throughput", "cluster", "file"],
        help="this part only, and others if repeated (default: the first two)",
    )
    large.add_argument("--gigabytes", type=float, default=10, help="of the file (default: 10)")
    large.add_argument("--columns", type=int, default=100, help="of the file (default: 100)")
    large.add_argument("--folder", type=Path, help="where to write it (default: the system's)")
    large.set_defaults(run=run_large)
    strengths = commands.add_parser("cv", help="paths and cross-validation beside their peers")
    strengths.add_argument("--threads", type=int, default=1, help="of BLAS (default: 1)")
    strengths.add_argument("--only", metavar="TEXT,...", help="data whose name has this text")
    strengths.add_argument("--memory", action="store_true", help="only the peak memory, on 2 GB")
    strengths.set_defaults(run=run_strengths)
    networks = commands.add_parser("network", help="networks on nine UCI sets, and beside MLPs")
    networks.add_argument("--threads", type=int, default=1, help="of BLAS (default: 1)")
    networks.add_argument("--data", type=Path, required=True, help="folder with load.py, uci9.npz")
    networks.add_argument("--splits", type=int, default=5, help="of each set (default: 5)")
    networks.add_argument("--only", metavar="NAME,...", help="these sets only")
    networks.add_argument("--part", choices=["uci", "mlp", "page"], help="this part only")
    networks.set_defaults(run=run_network)
    arguments = parser.parse_args(argv)
    # Before NumPy is imported, hence the imports further down.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(arguments.threads)
    sys.path.insert(1, str(HERE.parents[1]))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that a race stops its process
    arguments.run(arguments)


def run_tables(arguments):
    """Race fits, searches and paths on ordinary tables, or on wide ones, and write the page."""
    import tables

    found = _circumstances(arguments)
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    circumstances = (
        f"{found['machine']['cpu']}, {found['machine']['cores']} cores, {found['threads']} BLAS "
        f"thread(s), {found['date']}; {versions}."
    )
    rows = tables.measure(arguments.wide)
    suffix = ("-wide" if arguments.wide else "") + (
        "" if arguments.threads == 1 else f"-{arguments.threads}threads"
    )
    (HERE / f"tables{suffix}.md").write_text(tables.report(rows, circumstances, arguments.wide))


def run_large(arguments):
    """Measure, save and report; a file of another shape is added to those measured before."""
    import large

    path = HERE / "results/large.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    results.update(_circumstances(arguments))
    parts = arguments.part or ["throughput", "cluster"]
    for name in parts:
        if name == "file":
            shape = arguments.gigabytes, arguments.columns
            row = large.larger_than_memory(*shape, folder=arguments.folder)
            others = [
                r for r in results.get("file", []) if (r["n"], r["p"]) != (row["n"], row["p"])
            ]
            results["file"] = [*others, row]
        else:
            results[name] = getattr(large, name)()
        _save(results, path)
    (HERE / "large.md").write_text(large.markdown(results))


def run_strengths(arguments):
    """Race paths and cross-validations, or measure their memory; write rows and tables."""
    import memory
    import strengths

    path = HERE / f"results/cv-{arguments.threads}thread.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    results.update(_circumstances(arguments))
    if arguments.memory:
        results["memory"] = list(memory.measure())
        _save(results, path)
    else:
        names = arguments.only.split(",") if arguments.only else None
        results["rows"] = []
        for row in strengths.race(names):
            print(f"{row['data']}: {row['call']} {row['seconds']:.3g} s", flush=True)
            results["rows"].append(row)
            _save(results, path)
    (HERE / "cv.md").write_text(strengths.page(results, memory.table(results.get("memory", []))))


def run_network(arguments):
    """Fit networks to the splits that are not measured yet, and race them; write the page."""
    import network

    path = HERE / "results/network.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    results.update(_circumstances(arguments))
    if arguments.part in (None, "uci"):
        names = arguments.only.split(",") if arguments.only else list(network.PUBLISHED)
        done = results.setdefault("uci", [])
        for row in network.uci(arguments.data, names, arguments.splits, list(done)):
            print(row, flush=True)
            done.append(row)
            _save(results, path)
    if arguments.part in (None, "mlp"):
        results["beside_mlp"] = network.beside_mlp()
    _save(results, path)
    (HERE / "network.md").write_text(network.page(results))


def run_l1(arguments):
    """Race, measure the rest, and report."""
    from problems import SUITE
    from solvers import SOLVERS

    if arguments.list:
        for problem in SUITE:
            print(f"{problem.name:20} {problem.about}" + (" (quick)" if problem.quick else ""))
        print("solvers:", *(solver.name for solver in SOLVERS))
        return
    suffix = "-quick" if arguments.quick else ""
    path = arguments.out or HERE / f"results/l1{suffix}-{arguments.threads}thread.json"
    results = json.loads(path.read_text()) if path.exists() else {"rows": []}
    if not arguments.report:
        results.update(_circumstances(arguments), absent={})
        solvers = _present(_chosen_solvers(SOLVERS, arguments), results)
        problems = _chosen_problems(SUITE, arguments)
        if not arguments.no_race:
            for problem in problems:
                _race_all(problem, solvers, arguments, results, path)
        if not (arguments.quick or arguments.only or arguments.solvers):
            _measure(solvers, results, path)
    _report(results, SUITE, path, suffix)


def _race_all(problem, solvers, arguments, results, path):
    """Race at each strength of the problem, saving after each."""
    from problems import AbsentError
    from race import race, warm_up

    kept = {(r["problem"], r["ratio"], r["solver"]) for r in results["rows"]}
    kept = kept if arguments.resume else set()
    ratios = problem.ratios
    if arguments.ratios:
        ratios = [r for r in ratios if f"{r:g}" in arguments.ratios.split(",")]
    try:
        X, y = problem.make()
    except AbsentError as reason:
        print(f"{problem.name}: skipped, {reason}", flush=True)
        results["absent"][problem.name] = str(reason)
        return
    todo = {
        ratio: [s for s in solvers if s.takes(X) and (problem.name, ratio, s.name) not in kept]
        for ratio in ratios
    }
    warm_up([s for s in solvers if any(s in some for some in todo.values())], X, y)
    for ratio, racers in todo.items():
        if not racers:
            continue
        rows = race(problem, X, y, ratio, racers, arguments.limit)
        new = {(problem.name, ratio, row["solver"]) for row in rows}
        results["rows"] = [
            r for r in results["rows"] if (r["problem"], r["ratio"], r["solver"]) not in new
        ] + rows
        _save(results, path)
        times = ", ".join(f"{r['solver']} {r['seconds']:.3g} ({r['status']})" for r in rows)
        print(f"{problem.name} {ratio:g}: {times}", flush=True)


def _measure(solvers, results, path):
    """Add the first fits of fresh processes and the growth with p."""
    import measures

    results["first_fit"] = measures.first_fit(solvers)
    results["growth"] = measures.growth()
    _save(results, path)


def _report(results, suite, path, suffix):
    """Print the table; write the page and the picture, unless this was a quick run."""
    import report

    print(report.ratio_table(results["rows"], suite), report.summary(results["rows"]), sep="\n\n")
    if not suffix and report.ratios(results["rows"]):
        from plot import draw

        name = report.page_name(results["threads"])
        folder = HERE if path.parent == HERE / "results" else path.parent
        (folder / f"{name}.md").write_text(report.markdown(results, suite))
        draw(results["rows"], suite, folder / f"{name}.png")


def _chosen_solvers(solvers, arguments):
    """Return the solvers asked for."""
    if arguments.solvers:
        return _named(solvers, arguments.solvers)
    extra = _named(solvers, arguments.peers) if arguments.peers else []
    return [solver for solver in solvers if solver.default or solver in extra]


def _chosen_problems(suite, arguments):
    """Return the problems asked for."""
    if arguments.only:
        return _named(suite, arguments.only)
    return [problem for problem in suite if problem.quick or not arguments.quick]


def _named(entries, names):
    """Return the entries of these names, separated by commas."""
    by_name = {entry.name: entry for entry in entries}
    unknown = set(names.split(",")) - set(by_name)
    if unknown:
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(by_name)}")
    return [by_name[name] for name in names.split(",")]


def _present(solvers, results):
    """Return the solvers that can be run here, saying which cannot."""
    for solver in solvers:
        reason = solver.absence()
        if reason:
            print(f"{solver.name}: left out, {reason}", flush=True)
            results["absent"][solver.name] = reason
    return [solver for solver in solvers if solver.name not in results["absent"]]


def _circumstances(arguments):
    """Return the machine, the versions and the settings."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [x.partition(":")[2] for x in info.read_text().splitlines() if "model name" in x]
        cpu = names[0].strip() if names else cpu
    versions = {"Python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "machine": {"cpu": cpu, "cores": os.cpu_count(), "system": platform.platform()},
        "versions": versions,
        "threads": arguments.threads,
        "limit": getattr(arguments, "limit", None),  # of the races only
        "date": time.strftime("%Y-%m-%d"),
    }


def _save(results, path):
    """Write the JSON file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(results, indent=1) + "\n")
    draft.replace(path)


if __name__ == "__main__":
    main()
