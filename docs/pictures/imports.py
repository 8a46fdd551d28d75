"""Draw which modules of skreg import which, from the imports themselves.

A box is a row of the table in contributing.md. It stands one line above the highest of what it
imports; of the lines only those are drawn that do not follow from others.
"""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import matplotlib.pyplot as plt

import skreg

ROOT = Path(skreg.__file__).parent
TABLE = Path.cwd().parent / "contributing.md"  # this runs where it lies


def rows():
    """Return {module: box} for the rows of the table, a box named by its modules."""
    boxes = {}
    for row in re.findall(r"^\| (`.*?`) \|", TABLE.read_text(encoding="utf-8"), flags=re.MULTILINE):
        names = [name.strip("` ").removesuffix(".py") for name in row.split(",")]
        boxes.update(dict.fromkeys(names, "\n".join(names)))
    return boxes


def imported(path):
    """Return the modules of the package that the file at `path` imports, by short name."""
    package = path.relative_to(ROOT).parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*package[: len(package) - node.level + 1], *filter(None, [node.module])]
            found |= {"/".join([*base, alias.name]) for alias in node.names} | {"/".join(base)}
    return found


def graph():
    """Return {box: boxes it imports}."""
    boxes, edges = rows(), {}

    def box(name):
        """Return the box of a module given by its path, the solvers' own box by default."""
        return boxes.get(name, boxes["solvers/"] if name.startswith("solvers") else None)

    for path in ROOT.rglob("*.py"):
        name = path.relative_to(ROOT).with_suffix("").as_posix()
        if (here := box(name)) is not None:
            edges.setdefault(here, set()).update(filter(None, map(box, imported(path))))
    return {name: targets - {name} for name, targets in edges.items()}


def reach(edges, name):
    """Return all that a box imports, directly or not."""
    return edges[name].union(*(reach(edges, target) for target in edges[name]))


def draw():
    """Draw the boxes, level by level, and the lines between them."""
    edges = graph()
    order = list(TopologicalSorter(edges).static_order())
    level, levels = {}, {}
    for name in order:
        level[name] = 1 + max((level[target] for target in edges[name]), default=-1)
        levels.setdefault(level[name], []).append(name)
    direct = {
        name: targets - set().union(*(reach(edges, target) for target in targets))
        for name, targets in edges.items()
    }
    place = {}
    for height in sorted(levels):

        def barycentre(name):
            """Return the mean place of what a box imports, so that lines cross little."""
            below = [place[target][0] for target in direct[name]]
            return sum(below) / len(below) if below else 0.0

        names = sorted(levels[height], key=barycentre)
        for k, name in enumerate(names):
            place[name] = (k - (len(names) - 1) / 2) * 1.5, height
    _, ax = plt.subplots(figsize=(9, 1.0 * len(levels) + 0.5), layout="constrained")
    for name, targets in direct.items():
        for target in targets:
            ax.annotate(
                "",
                place[target],
                place[name],
                arrowprops={"arrowstyle": "-|>", "color": "0.45", "shrinkA": 12, "shrinkB": 16},
            )
    for name, (x, y) in place.items():
        style = {"boxstyle": "round", "facecolor": "#e8f0fa", "edgecolor": "#1f4e79"}
        ax.text(x, y, name, ha="center", va="center", fontsize=7.5, bbox=style)
    xs, ys = zip(*place.values(), strict=True)
    ax.set(xlim=(min(xs) - 1, max(xs) + 1), ylim=(-0.7, max(ys) + 0.7))
    ax.axis("off")


draw()
