"""The picture: the fastest peer's time over ours, a line per problem, a mark per strength."""

import matplotlib
from report import geometric_mean, ratios

matplotlib.use("Agg")
from matplotlib import pyplot as plt

MARKS = "osD^vP*X"


def draw(rows, suite, path):
    """Write the picture as a PNG of 1200 pixels across."""
    found = ratios(rows)
    problems = [p for p in suite if any(name == p.name for name, _ in found)]
    strengths = sorted({ratio for _, ratio in found}, reverse=True)
    colours = plt.get_cmap("viridis")([0.92 * i / max(1, len(strengths) - 1) for i in range(9)])
    with plt.rc_context({"font.size": 11}):
        figure, axes = plt.subplots(figsize=(6, 1.6 + 0.27 * len(problems)), layout="constrained")
        axes.axvspan(1e-9, 1, color="0.93", zorder=0)
        axes.axvline(1, color="black", linewidth=1)
        mean = geometric_mean([ratio for ratio, _, _ in found.values()])
        axes.axvline(mean, color="black", linewidth=1, linestyle=":")
        for strength, colour, mark in zip(strengths, colours, MARKS, strict=False):
            places = [k for k, p in enumerate(problems) if (p.name, strength) in found]
            cases = [found[problems[k].name, strength] for k in places]
            axes.scatter(
                [ratio for ratio, _, _ in cases],
                places,
                s=42,
                c=[colour if reached else "white" for _, _, reached in cases],
                marker=mark,
                edgecolors="black",
                linewidths=0.5,
                alpha=0.9,
                zorder=3,
            )
            axes.scatter([], [], s=42, color=[colour], marker=mark, label=f"{strength:g}")
        values = [ratio for ratio, _, _ in found.values()]
        axes.set(
            xscale="log",
            xlim=(min(0.5, 0.7 * min(values)), max(4, 1.5 * max(values))),
            xlabel="fastest peer's time / ours\n(grey: we lose; hollow: not reached; dotted: mean)",
            ylim=(len(problems) - 0.5, -0.5),
        )
        axes.set_yticks(range(len(problems)), [p.name for p in problems])
        axes.xaxis.set_major_formatter("{x:g}")
        axes.grid(axis="y", color="0.85", linewidth=0.6)
        axes.set_axisbelow(True)
        figure.legend(
            *axes.get_legend_handles_labels(),
            loc="outside upper center",
            ncols=5,
            frameon=False,
            title="lambda / lambda max",
            handletextpad=0.1,
            columnspacing=1,
        )
        figure.savefig(path, dpi=200)
        plt.close(figure)
