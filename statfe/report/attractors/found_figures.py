"""Figures of identified attractors: basin fractions, free energies, basins in a plane, branches along a parameter."""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING

import numpy as np

from statfe.attractors.basins.branches import Branches
from statfe.attractors.found import ANSWERS, AttractorSet
from statfe.laboratory.recall import Recall
from statfe.report.attractors.section import thinned
from statfe.report.axes import label
from statfe.report.styles import COLOURS, MARKERS
from statfe.report.svg import FAINT, GRID

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Bars, kinds and points that are drawn at most.
BARS, KINDS, POINTS = 16, 7, 4000


def palette(count: int) -> list[str]:
    """A colour for each attractor, none twice: those of all figures, then hues a golden section apart."""
    found = dict.fromkeys(COLOURS[:count])
    k = len(found)
    while len(found) < count:
        # lightness and saturation in turns, so that hues that come near each other still differ
        hue, light, full = k * 0.6180339887498949 % 1.0, (0.42, 0.6, 0.76)[k % 3], (0.55, 0.75)[k % 2]
        red, green, blue = (round(255 * part) for part in colorsys.hls_to_rgb(hue, light, full))
        found[f"#{red:02x}{green:02x}{blue:02x}"] = None
        k += 1
    return list(found)


def draw_fractions(found: AttractorSet) -> Figure:
    """Share of the starts that each attractor takes, and those that end nowhere."""
    from matplotlib.figure import Figure

    count = min(BARS, found.count)
    names = [f"{k}: {found.kinds[k]}" for k in range(count)]
    shares, errors = list(found.basin_fraction[:count]), list(found.basin_fraction_error[:count])
    colours = palette(count)
    if found.count > count:
        names.append(f"{found.count - count} more")
        shares.append(float(found.basin_fraction[count:].sum()))
        errors.append(0.0)
        colours.append(FAINT)
    for answer, words in ANSWERS.items():
        if found.share(answer) > 0.0:
            names.append(words)
            shares.append(found.share(answer))
            errors.append(0.0)
            colours.append(FAINT)
    figure = Figure(figsize=(7.2, max(1.8, 0.34 * len(names) + 0.9)), layout="constrained")
    axes = figure.subplots()
    axes.barh(range(len(names)), shares, xerr=errors, color=colours, height=0.66, ecolor="#1a1b1d", capsize=2.5)
    axes.set_yticks(range(len(names)), [label(n, 40) for n in names])
    axes.invert_yaxis()
    axes.set_xlabel("share of the starts")
    axes.set_xlim(left=0.0)
    axes.grid(visible=False, axis="y")
    return figure


def draw_energies(found: AttractorSet) -> Figure:
    """Free energy against stability, by kind."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    there = np.isfinite(found.free_energy) & np.isfinite(found.stability)
    for k, kind in enumerate(list(dict.fromkeys(found.kinds))[:KINDS]):
        of_kind = there & (np.array(found.kinds) == kind)
        axes.scatter(found.free_energy[of_kind], found.stability[of_kind], s=26.0, color=COLOURS[k % len(COLOURS)],
                     marker=MARKERS[k % len(MARKERS)], linewidths=0.0, alpha=0.75, label=label(kind, 40))
    axes.set_xlabel("free energy")
    axes.set_ylabel("stability (negative is stable)")
    axes.axhline(0.0, color=FAINT, linewidth=1.0)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.02), title="kind")
    return figure


def draw_overlaps(found: AttractorSet) -> Figure:
    """Overlap of each attractor with the nearest stored pattern, against the load."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.subplots()
    overlap = np.abs(np.asarray(found.stats["overlap"], dtype=np.float64))
    load = np.broadcast_to(np.asarray(found.stats.get("load", np.arange(found.count)), dtype=np.float64), overlap.shape)
    for k, kind in enumerate(list(dict.fromkeys(found.kinds))[:KINDS]):
        of_kind = np.array(found.kinds) == kind
        axes.scatter(load[of_kind], overlap[of_kind], s=22.0, color=COLOURS[k % len(COLOURS)],
                     marker=MARKERS[k % len(MARKERS)], linewidths=0.0, alpha=0.7, label=label(kind, 40))
    axes.set_xlabel("load α" if "load" in found.stats else "attractor")
    axes.set_ylabel("overlap with the nearest memory")
    axes.set_ylim(-0.02, 1.04)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.02), title="kind")
    return figure


def draw_points(found: AttractorSet) -> Figure:
    """Points of the attractors over the first two coordinates."""
    from matplotlib.figure import Figure

    assert found.points is not None
    figure = Figure(figsize=(6.2, 4.4), layout="constrained")
    axes = figure.subplots()
    shown = [0, min(1, len(found.coordinates) - 1)]
    spans = np.ptp(found.points.states[:, shown], axis=0)
    extent = float(spans.max()) or 1.0
    colours = palette(min(found.count, BARS))
    for k, colour in enumerate(colours):
        own = thinned(found.points.states[found.points.labels == k], POINTS // max(1, min(found.count, BARS)))
        large = len(own) <= 10 or np.ptp(own[:, shown], axis=0).max() < 1e-2 * extent
        axes.scatter(own[:, 0], own[:, shown[-1]], s=40.0 if large else 4.0, linewidths=0.0,
                     color=colour, marker=MARKERS[(k // len(COLOURS)) % len(MARKERS)],
                     label=label(f"{k}: {found.kinds[k]}", 40), rasterized=True)
    axes.set_xlabel(label(found.coordinates[0], 40))
    axes.set_ylabel(label(found.coordinates[shown[-1]], 40))
    for place, span, limits in zip(shown, spans, ("xlim", "ylim"), strict=True):
        if span < 1e-6 * extent:  # rounding, not motion
            middle = float(found.points.states[:, place].mean())
            axes.set(**{limits: (middle - 0.5 * extent, middle + 0.5 * extent)})
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.02), markerscale=2.0)
    return figure


def draw_slice(found: AttractorSet) -> Figure:
    """Where starts in a plane end: a colour an attractor, grey where they end nowhere."""
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

    image = found.basin_slice
    assert image is not None
    figure = Figure(figsize=(5.6, 4.6), layout="constrained")
    axes = figure.subplots()
    labels = np.maximum(image.labels, -1)
    colours = [GRID, *palette(max(found.count, 1))]
    axes.pcolormesh(image.first, image.second, labels.T, cmap=ListedColormap(colours), vmin=-1.5,
                    vmax=len(colours) - 1.5, shading="nearest", rasterized=True)
    axes.set_xlabel(label(found.coordinates[image.axes[0]], 40))
    axes.set_ylabel(label(found.coordinates[image.axes[1]], 40))
    axes.grid(visible=False)
    return figure


def draw_continuation(found: Branches) -> Figure:
    """The first coordinate and the basin of every attractor along the parameter, with the events."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, 5.4), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    for k in range(found.states.shape[1]):
        style = {"color": COLOURS[k % len(COLOURS)], "marker": MARKERS[k % len(MARKERS)], "markersize": 3.5}
        upper.plot(found.values, found.states[:, k, 0], linestyle="none", label=str(k), **style)
        lower.errorbar(found.values, found.fractions[:, k], yerr=np.nan_to_num(found.errors[:, k]), linewidth=1.1,
                       capsize=2.0, **style)
    for axes in (upper, lower):
        for before, after, *_ in found.events:
            axes.axvline(0.5 * (before + after), color=FAINT, linewidth=1.0, linestyle=":")
    upper.set_ylabel(label(found.coordinates[0], 40))
    lower.set_ylabel("basin fraction")
    lower.set_xlabel(label(found.parameter, 40))
    upper.legend(loc="upper left", bbox_to_anchor=(1.01, 1.02), title="attractor")
    return figure


def draw_recall(found: Recall) -> Figure:
    """Overlap and basin of the memories of Hopfield networks against the load."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.6, 3.8), layout="constrained")
    axes = figure.subplots()
    axes.errorbar(found.load, found.overlap, yerr=found.overlap_error, color=COLOURS[0], marker="o", capsize=2.5,
                  label="overlap")
    axes.plot(found.load, found.theory, color=COLOURS[0], linestyle="none", marker="_", markersize=16.0,
              markeredgewidth=1.6, label="overlap, replica-symmetric theory")
    axes.errorbar(found.load, found.basin, yerr=found.basin_error, color=COLOURS[1], marker="s", capsize=2.5,
                  label="random starts that end at a memory")
    axes.plot(found.load, found.radius, color=COLOURS[2], marker="^", label="start overlap that recalls half")
    axes.set_xlabel("load α")
    axes.set_ylim(-0.03, 1.05)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.02))
    return figure
