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
BOX = {"boxstyle": "round", "facecolor": "#e8f0fa", "edgecolor": "#1f4e79"}
ARROW = {
    "arrowstyle": "-|>",
    "color": "0.45",
    "shrinkA": 0,
    "shrinkB": 1,
    "connectionstyle": "arc3,rad=0.12",
}
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
        names = sorted(levels[height], key=lambda name: _mean_place(place, direct[name]))
        for k, name in enumerate(names):
            place[name] = (k + 0.5) / len(names), height
    _, ax = plt.subplots(figsize=(7.5, 0.85 * len(levels)), layout="constrained")
    style = {"ha": "center", "va": "center", "fontsize": 8.5, "bbox": BOX, "zorder": 2}
    texts = {name: ax.text(x, y, name, **style) for name, (x, y) in place.items()}
    patches = {name: text.get_bbox_patch() for name, text in texts.items()}
    for name, targets in direct.items():
        for target in targets:
            ends = {"patchA": patches[name], "patchB": patches[target]}
            ax.annotate("", place[target], place[name], zorder=1, arrowprops=ARROW | ends)
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.5, len(levels) - 0.5))
    ax.axis("off")


def _mean_place(place, boxes):
    """Return where the boxes that one imports lie on the average: above it few lines cross."""
    return sum(place[box][0] for box in boxes) / len(boxes) if boxes else 0.0


draw()
