"""Draw which modules of skreg import which, from the imports themselves.

A box is a row of the table in contributing.md. It stands one line above the highest of what it
imports; of the lines only those are drawn that do not follow from others. Its colour is
that of its folder.
"""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import matplotlib.pyplot as plt

import skreg

ROOT = Path(skreg.__file__).parent
BOX = {"boxstyle": "round", "edgecolor": "0.3"}
ARROW = {
    "arrowstyle": "-|>",
    "color": "0.45",
    "shrinkA": 0,
    "shrinkB": 1,
    "connectionstyle": "arc3,rad=0.12",
}
TABLE = Path.cwd().parent / "contributing.md"  # this runs where it lies


def key(path):
    """Return the name of the module in a file: its path in the package; of a folder, the folder."""
    return path.relative_to(ROOT).with_suffix("").as_posix().removesuffix("__init__").rstrip("/")


MODULES = {key(path): path for path in sorted(ROOT.rglob("*.py"))}


def boxes():
    """Return {module: box} by the rows of the table; a folder that has none is its own box."""
    table = {}
    for row in re.findall(r"^\| (`.*?`) \|", TABLE.read_text(encoding="utf-8"), flags=re.MULTILINE):
        names = [name.strip("` ").removesuffix(".py") for name in row.split(",")]
        table.update(dict.fromkeys(names, "\n".join(names)))
    found = {}
    for name, path in MODULES.items():
        folder = f"{name if path.name == '__init__.py' else name.rpartition('/')[0]}/"
        if name and (name in table or folder != "/"):
            found[name] = table.get(name, table.get(folder, folder))
    return found


def imported(name):
    """Yield the modules that one imports."""
    path = MODULES[name]
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*package[: len(package) - node.level + 1], *(node.module or "").split(".")]
            source = "/".join(filter(None, base))
            for alias in node.names:
                full = f"{source}/{alias.name}".lstrip("/")
                yield full if full in MODULES else source


def graph():
    """Return {box: boxes it imports}, without folders that hold no code of their own."""
    box = boxes()
    edges = {name: set() for name in box.values()}
    for name in box:
        edges[box[name]] |= {box[other] for other in imported(name) if other in box} - {box[name]}
    joined = {name for name, targets in edges.items() if targets}.union(*edges.values())
    return {name: targets for name, targets in edges.items() if name in joined}


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
        names = sorted(levels[height], key=lambda name: (_mean_place(place, direct[name]), name))
        for k, name in enumerate(names):
            place[name] = (k + 0.5) / len(names), height
    _, ax = plt.subplots(figsize=(7.5, 0.85 * len(levels)), layout="constrained")
    style = {"ha": "center", "va": "center", "fontsize": 8.5, "bbox": BOX, "zorder": 2}
    texts = {name: ax.text(x, y, name, **style) for name, (x, y) in place.items()}
    folders = sorted({name.rpartition("/")[0].rpartition("\n")[2] for name in edges})
    for name, text in texts.items():
        folder = name.rpartition("/")[0].rpartition("\n")[2]
        text.get_bbox_patch().set_facecolor(plt.cm.Pastel1(folders.index(folder) % 9))
    patches = {name: text.get_bbox_patch() for name, text in texts.items()}
    for name, targets in direct.items():
        for target in targets:
            ends = {"patchA": patches[name], "patchB": patches[target]}
            ax.annotate("", place[target], place[name], zorder=1, arrowprops=ARROW | ends)
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.5, len(levels) - 0.5))
    ax.axis("off")


def _mean_place(place, boxes):
    """Return where the boxes that one imports lie on the average: above it few lines cross."""
    return sum(place[box][0] for box in sorted(boxes)) / len(boxes) if boxes else 0.0


draw()
