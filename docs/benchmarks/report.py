"""The report: what the rows say, as Markdown.

The ratio of a problem and a strength is the time of the fastest peer over ours; a solver that did
not reach the gap counts with the limit. Above 1 we are faster.
"""

import math

from solvers import OURS

MISSED = "†"


def ratios(rows):
    """Return {(problem, ratio): (ratio, name of the fastest peer, whether ours got there)}."""
    cases = {}
    for row in rows:
        cases.setdefault((row["problem"], row["ratio"]), []).append(row)
    found = {}
    for key, case in cases.items():
        mine = [row for row in case if row["solver"] == OURS]
        peers = [row for row in case if row["solver"] != OURS]
        if mine and peers:
            # One that was given up is slower than another that was not.
            best = min(peers, key=lambda row: (row["status"] == "given up", row["seconds"]))
            name = best["solver"] if best["status"] == "ok" else "none"
            found[key] = (
                best["seconds"] / mine[0]["seconds"],
                name,
                mine[0]["status"] == "ok",
            )
    return found


def geometric_mean(values):
    """Return the geometric mean."""
    return math.exp(sum(map(math.log, values)) / len(values))


def summary(rows):
    """Return one line: the geometric mean, the worst case, and how many are lost."""
    found = ratios(rows)
    if not found:
        return "No problem has been run with both ours and a peer."
    worst = min(found, key=lambda key: found[key][0])
    lost = sum(ratio < 1 for ratio, _, _ in found.values())
    gaps = [r["gap"] for r in rows if r["solver"] == OURS and r.get("gap") is not None]
    return (
        f"Fastest peer's time over ours: geometric mean "
        f"{geometric_mean([ratio for ratio, _, _ in found.values()]):.2f} over {len(found)} cases, "
        f"worst {found[worst][0]:.2g} ({worst[0]} at {worst[1]:g}), {lost} below 1. "
        f"Largest relative gap of ours: {max(gaps, default=math.nan):.1e}."
    )


def ratio_table(rows, suite):
    """Return the table of ratios: a line per problem, a column per strength."""
    found = ratios(rows)
    columns = sorted({ratio for _, ratio in found}, reverse=True)
    lines = [
        "| problem | " + " | ".join(f"{ratio:g}" for ratio in columns) + " | mean |",
        "|---|" + "---|" * (len(columns) + 1),
    ]
    for problem in suite:
        cells = [_cell(found.get((problem.name, ratio))) for ratio in columns]
        values = [found[key][0] for key in found if key[0] == problem.name]
        if values:
            cells.append(f"{geometric_mean(values):.2g}")
            lines.append(f"| {problem.name}: {problem.about} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def time_table(rows, suite):
    """Return the table of seconds: a line per problem and strength, a column per solver."""
    names = list(dict.fromkeys(row["solver"] for row in rows))
    lines = [
        "| problem | lambda / max | support | gap of ours | " + " | ".join(names) + " |",
        "|---|" + "---|" * (len(names) + 3),
    ]
    for problem in suite:
        for ratio in problem.ratios:
            case = {
                row["solver"]: row
                for row in rows
                if (row["problem"], row["ratio"]) == (problem.name, ratio)
            }
            if case:
                mine = case.get(OURS, {})
                done = [row["support"] for row in case.values() if row["status"] == "ok"]
                gap = "" if mine.get("gap") is None else f"{mine['gap']:.0e}"
                cells = " | ".join(_seconds(case.get(name)) for name in names)
                support = mine.get("support", done[0] if done else "")
                lines.append(f"| {problem.name} | {ratio:g} | {support} | {gap} | {cells} |")
    return "\n".join(lines)


def page_name(n_threads):
    """Return the name of the page and its picture."""
    return "l1" if n_threads == 1 else f"l1-{n_threads}threads"


def markdown(results, suite):
    """Return the page."""
    rows, machine, n_threads = results["rows"], results["machine"], results["threads"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    parts = [
        "# L1: time to a certified optimum" + (", with two threads" if n_threads == 2 else ""),
        f"Made by `python docs/benchmarks/run.py l1 --threads {n_threads} --limit"
        f" {results['limit']:g}` (`pip install -e .[bench]`); the numbers are in"
        f" `results/`. {machine['cpu']}, {machine['cores']} cores, {n_threads} BLAS"
        f" thread(s), {results['date']}; {versions}. At most {results['limit']:g} s per fit.",
        "Every solver fits the same X and y (Fortran-ordered or CSC) with an intercept, in one"
        " process, taking turns; the median of 3 to 5 rounds counts, or the one run if it took 2 s."
        " Each peer runs at the loosest of its tolerances at which the relative duality gap, judged"
        " from the coefficients alone, is at most 1e-8 (1e-4 for float32); ours at its default."
        " What does not get there counts with the limit.",
        "**" + summary(rows) + "**",
        "## Fastest peer's time over ours",
        "By lambda over its largest useful value. Bold: we lose. >: no peer got there."
        f" {MISSED}: we did not.",
        ratio_table(rows, suite),
        f"![Fastest peer's time over ours, per problem and strength]({page_name(n_threads)}.png)",
        "## Seconds",
        "In brackets: >, killed at the limit, or slower than four times the fastest peer (and 1 s)"
        " and given up; !, its gap stayed too large; x, failed. *: it warned of that.",
        time_table(rows, suite),
    ]
    for name, reason in results.get("absent", {}).items():
        parts.append(f"Not run: {name} ({reason}).")
    if results.get("first_fit"):
        cells = ", ".join(f"{name} {s:.2f} s" for name, s in results["first_fit"].items())
        parts += [
            "## First fit of a fresh process",
            f"Import and fit on 500 x 5000 at 0.1 lambda_max, median of 5: {cells}."
            " Peers at a tolerance of 1e-4.",
        ]
    if results.get("growth"):
        parts += ["## Growth with the number of columns", _growth_table(results["growth"])]
    return "\n\n".join(parts) + "\n"


def _growth_table(rows):
    """Return the table of growth."""
    lines = [
        "Sparse X of 10000 rows and density 1e-3, 20 true coefficients, 0.1 lambda_max. A pass is"
        " one evaluation of the residual and all correlations.",
        "",
        "| p | nnz | support | seconds | passes | memory above X / X | gap |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        memory = row["peak_bytes"] / row["X_bytes"]
        lines.append(
            f"| {row['p']} | {row['nnz']} | {row['support']} | {row['seconds']:.3g} |"
            f" {row['n_passes']} | {memory:.2g} | {row['gap']:.0e} |"
        )
    return "\n".join(lines)


def _cell(entry):
    """Return one ratio as text."""
    if entry is None:
        return ""
    ratio, name, reached = entry
    text = (">" if name == "none" else "") + f"{ratio:.2g}" + ("" if reached else MISSED)
    return f"**{text}**" if ratio < 1 or not reached else text


def _seconds(row):
    """Return one time as text."""
    if row is None:
        return ""
    text = f"{row['seconds']:.3g}" + ("*" if row.get("warned") else "")
    mark = {"ok": "", "limit": ">", "given up": ">", "not reached": "!"}.get(row["status"], "x")
    return f"({mark}{text})" if mark else text
