"""Draw which parts of skreg import which, from the imports themselves.

A part is a folder, or a module beside the folders. It is drawn one level above the highest of the
parts that it imports. An arrow that follows from others is left out.
"""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import matplotlib.pyplot as plt

import skreg

ROOT = Path(skreg.__file__).parent
BOX = {"boxstyle": "round", "edgecolor": "0.3"}
ARROW = {"arrowstyle": "-|>", "color": "0.45", "connectionstyle": "arc3,rad=0.12"}


def imports():
    """Return {part: parts that it imports}."""
    edges = {}
    for path in ROOT.rglob("*.py"):
        place = path.relative_to(ROOT).with_suffix("").parts
        if place[0] == "__init__":
            continue
        targets = edges.setdefault(place[0], set())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == len(place):
                names = [node.module] if node.module else [alias.name for alias in node.names]
                targets.update(name.split(".")[0] for name in names)
    return {part: (targets & edges.keys()) - {part} for part, targets in edges.items()}


def reach(edges, part):
    """Return all parts that a part imports, directly or not."""
    return edges[part].union(*(reach(edges, target) for target in edges[part]))


def draw(edges):
    """Draw the parts, level by level, and the arrows between them."""
    level = {}
    for part in TopologicalSorter(edges).static_order():
        level[part] = 1 + max((level[target] for target in edges[part]), default=-1)
    levels = [
        sorted(part for part in edges if level[part] == k) for k in range(max(level.values()) + 1)
    ]
    place = {
        part: ((k + 0.5) / len(parts), height)
        for height, parts in enumerate(levels)
        for k, part in enumerate(parts)
    }
    _, ax = plt.subplots(figsize=(6, 0.7 * len(levels)), layout="constrained")
    boxes = {}
    for part, (x, y) in place.items():
        name, colour = (f"{part}/", "#dce9f5") if (ROOT / part).is_dir() else (part, "#f5ecdc")
        text = ax.text(x, y, name, ha="center", va="center", bbox=BOX | {"facecolor": colour})
        boxes[part] = text.get_bbox_patch()
    for part, targets in edges.items():
        for target in targets - set().union(*(reach(edges, other) for other in targets)):
            ends = {"patchA": boxes[part], "patchB": boxes[target]}
            ax.annotate("", place[target], place[part], arrowprops=ARROW | ends)
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.5, len(levels) - 0.5))
    ax.axis("off")


draw(imports())
