"""Figures of motion: projections of trajectories, correlation sums, spectra, exponents with their rules."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from statfe.attractors.measured import Measured
from statfe.report.attractors.section import thinned
from statfe.report.axes import label
from statfe.report.styles import COLOURS, LINES
from statfe.report.svg import FAINT, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Points of a projection and lines of a spectrum, at most.
POINTS, COLUMNS = 4000, 6


def draw_projections(values: np.ndarray, names: Sequence[str]) -> Figure:
    """Pairs of the first three columns; of more than three, of the three of largest variance along principal axes."""
    from matplotlib.figure import Figure

    flat = thinned(values.reshape(-1, values.shape[-1]), POINTS)
    if flat.shape[1] > 3:
        flat = flat - flat.mean(axis=0)
        flat = flat @ np.linalg.svd(flat, full_matrices=False)[2][:3].T
        names = ("first principal axis", "second", "third")
    pairs = list(itertools.combinations(range(flat.shape[1]), 2)) or [(0, 0)]
    figure = Figure(figsize=(3.4 * len(pairs) + 0.4, 3.4), layout="constrained")
    for axes, (a, b) in zip(figure.subplots(1, len(pairs), squeeze=False)[0], pairs, strict=True):
        dots(axes, flat[:, a], flat[:, b], COLOURS[0], len(flat))
        axes.set_xlabel(label(names[a], 30))
        axes.set_ylabel(label(names[b], 30))
    return figure


def dots(axes: Axes, x: np.ndarray, y: np.ndarray, colour: str, count: int, name: str = "") -> None:
    """A cloud, as one picture inside the drawing: thousands of marks would make a heavy file."""
    size = max(1.5, 14.0 * (300.0 / max(count, 300)) ** 0.5)
    axes.scatter(x, y, s=size, c=colour, linewidths=0.0, alpha=0.5, label=name or None, zorder=2, rasterized=True)


def draw_correlation(found: Measured) -> Figure:
    """C(r) and its local slope, with the region that was fitted."""
    from matplotlib.figure import Figure

    c = found.correlation
    assert c is not None
    figure = Figure(figsize=(8.4, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    there = (c.value > 0.0) & (c.pairs > 0)
    left.plot(c.radii[there], c.value[there], color=COLOURS[0])
    left.set_xscale("log")
    left.set_yscale("log")
    left.set_ylabel("C(r), share of pairs")
    seen = there & np.isfinite(c.slope) & (c.slope_error < 0.5)
    right.errorbar(c.radii[seen], c.slope[seen], yerr=c.slope_error[seen], color=COLOURS[0], linewidth=1.2, capsize=2.0)
    right.set_xscale("log")
    right.set_ylabel("local slope")
    fit = next((f for f in found.scalars if f.name == "correlation_dimension"), None)
    low, high = (fit.stats.get(name) for name in ("radius_low", "radius_high")) if fit else (None, None)
    for axes in (left, right):
        axes.set_xlabel("r")
        if low and high:
            axes.axvspan(float(low), float(high), color=COLOURS[2], alpha=0.15, linewidth=0.0)
    if fit is not None and np.isfinite(fit.value):
        right.axhline(float(fit.value), color=COLOURS[2], linestyle="--", linewidth=1.2)
    return figure


def draw_spectrum(found: Measured) -> Figure:
    """Power of each coordinate."""
    from matplotlib.figure import Figure

    s = found.spectrum
    assert s is not None
    figure = Figure(figsize=(7.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for k in range(min(COLUMNS, s.density.shape[1])):
        name = found.coordinates[k] if k < len(found.coordinates) else str(k)
        axes.plot(s.frequency, s.density[:, k], color=COLOURS[k % len(COLOURS)], linestyle=LINES[k % len(LINES)],
                  linewidth=1.1, label=label(name, 30))
    axes.set_yscale("log")
    axes.set_xlabel("frequency")
    axes.set_ylabel("power a unit of frequency")
    axes.legend(loc="upper right")
    return figure


def draw_exponents(found: Measured) -> Figure:
    """The exponents with their errors, and what their rules found against what is allowed."""
    from matplotlib.figure import Figure

    e = found.exponents
    assert e is not None
    rules = [r for r in found.rules if r.passed is not None and np.isfinite(r.value) and r.allowed > 0.0]
    figure = Figure(figsize=(8.4, 3.4), layout="constrained")
    panels = figure.subplots(1, 2 if rules else 1, squeeze=False)[0]
    number = np.arange(1, len(e.value) + 1)
    panels[0].axhline(0.0, color=FAINT, linewidth=1.0)
    panels[0].errorbar(number, e.value, yerr=e.error, linestyle="none", marker="o", color=COLOURS[0], capsize=2.5)
    panels[0].xaxis.get_major_locator().set_params(integer=True)
    panels[0].set_xlabel("exponent")
    panels[0].set_ylabel("λ (1 / time)")
    if rules:
        share = np.array([max(abs(r.value) / r.allowed, 1e-6) for r in rules])
        colours = [COLOURS[2] if r.passed else COLOURS[1] for r in rules]
        panels[1].barh(range(len(rules)), share, color=colours, height=0.6)
        panels[1].axvline(1.0, color=INK, linewidth=1.2)
        panels[1].set_xscale("log")
        panels[1].set_yticks(range(len(rules)), [label(r.name.replace("_", " "), 40) for r in rules])
        panels[1].invert_yaxis()
        panels[1].set_xlabel("found over allowed")
        panels[1].grid(visible=False, axis="y")
    return figure


def draw_return_map(found: Measured) -> Figure:
    """The next value against the value."""
    from matplotlib.figure import Figure

    pairs = found.return_map
    assert pairs is not None
    figure = Figure(figsize=(4.0, 3.8), layout="constrained")
    axes = figure.subplots()
    some = thinned(pairs, POINTS)
    dots(axes, some[:, 0], some[:, 1], COLOURS[0], len(some))
    axes.set_xlabel(label(found.return_of, 40))
    axes.set_ylabel("the next one")
    return figure
