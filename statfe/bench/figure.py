"""The figures of `statfe bench samplers`: rates beside other programs, cost against size, rate against threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from statfe.bench.records import Benchmark, Rate
from statfe.bench.workloads import WORKLOADS
from statfe.report.figures import drawing_room, svg_text
from statfe.report.styles import COLOURS, LINES, MARKERS
from statfe.report.svg import FAINT, GRID, PAPER

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Titles of workloads by name.
TITLES = {w.name: w.title for w in WORKLOADS}
#: Heights of words over and under a line, and the width of a letter, in points.
LEVELS, LETTER = (7, -7, 17, -17), 5.2
#: Least distance of two labels at the end of lines, as a share of the height.
APART = 0.052


def draw_all(record: Benchmark) -> dict[str, str]:
    """SVG documents by name; a figure without data is left out."""
    found = {}
    with drawing_room():
        for name, rows, draw in (
            ("samplers-rates", record.rates, draw_rates), ("samplers-sizes", record.sizes, draw_sizes),
            ("samplers-threads", record.threads, draw_threads),
        ):
            if rows:
                found[name] = svg_text(draw(record))
    return found


def _name(row: Rate) -> str:
    return f"statfe, {row.kernel}" if row.program == "statfe" else row.program


def _colours(names: Sequence[str]) -> dict[str, str]:
    """Colours for kernels, in order; other programs are grey."""
    ours = [n for n in dict.fromkeys(names) if n.startswith("statfe")]
    chosen = {n: COLOURS[k % len(COLOURS)] for k, n in enumerate(ours)}
    return {n: chosen.get(n, FAINT) for n in names}


def _figure(width: float, height: float, title: str, record: Benchmark) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    where = f"{record.machine['cpu']}, {record.machine['cores']} cores, statfe {record.versions['statfe']}"
    figure = Figure(figsize=(width, height))
    axes = figure.subplots()
    axes.set_title(title)
    axes.text(1.0, -0.62 / height - 0.06, where, transform=axes.transAxes, ha="right", va="top", fontsize=8.0,
              color=FAINT)
    return figure, axes


def draw_rates(record: Benchmark) -> Figure:
    """One line a workload: a dot for each program, with its number."""
    rows = record.rates
    names = list(dict.fromkeys(r.workload for r in rows))
    figure, axes = _figure(7.4, 1.3 + 0.72 * len(names), "Speed by workload, one thread", record)
    colours = _colours([_name(r) for r in rows])
    axes.set_xscale("log")
    axes.set_xlim(min(r.rate_low for r in rows) / 4.0, max(r.rate_high for r in rows) * 2.5)
    axes.set_ylim(len(names) - 0.4, -0.6)
    for row, name in enumerate(names):
        axes.axhline(row, color=GRID, linewidth=0.8, zorder=0)
        here = sorted((r for r in rows if r.workload == name), key=lambda r: r.rate)
        axes.plot([here[0].rate, here[-1].rate], [row, row], color=GRID, linewidth=3.0, zorder=1)
        taken: dict[int, float] = {}
        for r in here:
            colour, ours = colours[_name(r)], r.program == "statfe"
            axes.hlines(row, r.rate_low, r.rate_high, color=colour, linewidth=4.0, alpha=0.35, zorder=2)
            axes.plot(r.rate, row, marker="o" if ours else "s", color=colour, markersize=7.5 if ours else 6.0,
                      markeredgecolor=PAPER, markeredgewidth=0.8, zorder=3)
            words = f"{r.kernel if ours else r.program} {r.rate:.2g}"
            level = _free_level(axes, taken, r.rate, words)
            axes.annotate(words, (r.rate, row), xytext=(0, level), textcoords="offset points", ha="center",
                          va="bottom" if level > 0 else "top", fontsize=8.5, color=colour)
    axes.set_yticks(range(len(names)), [TITLES.get(n, n) for n in names])
    axes.set_xlabel("spin updates tried a nanosecond")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(False, axis="y")
    return figure


def _free_level(axes: Axes, taken: dict[int, float], rate: float, words: str) -> int:
    """The first height, in points off the line, where `words` touch no earlier ones; `taken` has their right ends."""
    figure = axes.get_figure()
    assert figure is not None
    centre = float(axes.transData.transform((rate, 0.0))[0]) * 72.0 / figure.dpi
    half = 0.5 * LETTER * len(words)
    level = next((v for v in LEVELS if taken.get(v, -1e9) < centre - half), LEVELS[-1])
    taken[level] = centre + half
    return level


def draw_sizes(record: Benchmark) -> Figure:
    """Nanoseconds an update against the number of spins, both logarithmic; one line a program."""
    rows = record.sizes
    figure, axes = _figure(7.4, 4.6, "Cost of a spin update, critical 2D Ising, one thread", record)
    names = list(dict.fromkeys(_name(r) for r in rows))
    colours, ends = _colours(names), []
    for k, name in enumerate(names):
        line = sorted((r for r in rows if _name(r) == name), key=lambda r: r.n_sites)
        x, y = [r.n_sites for r in line], [r.ns_per_flip for r in line]
        axes.vlines(x, [1 / r.rate_high for r in line], [1 / r.rate_low for r in line], color=colours[name],
                    linewidth=1.1, alpha=0.6)
        axes.plot(x, y, color=colours[name], marker=MARKERS[k % len(MARKERS)], markersize=5.0,
                  linestyle=LINES[k // len(COLOURS) % len(LINES)] if name.startswith("statfe") else ":")
        ends.append((x[-1], y[-1], name.removeprefix("statfe, "), colours[name]))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("spins of the lattice")
    axes.set_ylabel("nanoseconds an update")
    _label_ends(axes, ends)
    return figure


def draw_threads(record: Benchmark) -> Figure:
    """Rate against the number of threads, with the line of a perfect gain from the first point."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    rows = record.threads
    figure, axes = _figure(6.4, 4.2, "Speed by number of threads", record)
    names = list(dict.fromkeys((r.workload, r.kernel) for r in rows))
    ends = []
    for k, key in enumerate(names):
        line = sorted((r for r in rows if (r.workload, r.kernel) == key), key=lambda r: r.threads)
        x, y, colour = [r.threads for r in line], [r.rate for r in line], COLOURS[k % len(COLOURS)]
        axes.plot(x, [y[0] * t / x[0] for t in x], color=GRID, linewidth=2.4, zorder=1)
        axes.vlines(x, [r.rate_low for r in line], [r.rate_high for r in line], color=colour, linewidth=1.1, alpha=0.6)
        axes.plot(x, y, color=colour, marker=MARKERS[k % len(MARKERS)], markersize=5.5)
        gains = [g.ratio for g in record.ratios if g.kind == "threads" and (g.workload, g.kernel) == key]
        ends.append((x[-1], y[-1], f"{key[0]}, {key[1]}  {max(gains, default=1.0):.2f}×", colour))
    counts = sorted({r.threads for r in rows})
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(counts, [str(c) for c in counts])
    axes.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("threads (grey: a perfect gain)")
    axes.set_ylabel("spin updates tried a nanosecond")
    _label_ends(axes, ends)
    return figure


def _label_ends(axes: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Names at the right edge at the heights of the last points, moved apart where they would touch."""
    import numpy as np

    low, high = np.log(axes.get_ylim())
    order = sorted(ends, key=lambda end: end[1])
    places: list[float] = []
    for _, y, _, _ in order:
        wanted = (np.log(y) - low) / (high - low)
        places.append(max(wanted, places[-1] + APART) if places else wanted)
    for (x, y, words, colour), place in zip(order, places, strict=True):
        right = float(axes.transAxes.inverted().transform(axes.transData.transform((x, y)))[0])
        axes.annotate(
            words, xy=(right, (np.log(y) - low) / (high - low)), xycoords="axes fraction", xytext=(1.03, place),
            textcoords="axes fraction", va="center", fontsize=9.5, color=colour,
            arrowprops={"arrowstyle": "-", "color": colour, "alpha": 0.35, "linewidth": 0.8, "shrinkB": 5})
