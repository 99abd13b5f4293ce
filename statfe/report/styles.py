"""Colours, lines and markers of the methods in a figure.

Methods that differ only in numbers (the orders of a cumulant expansion) share a colour and differ in line
style. Every method has its own marker, so that a figure reads in grey and by the colour-blind too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from statfe.report.svg import GRID, INK, PAPER

#: Okabe and Ito's colours without black and yellow, and an olive; they read on white and on near-black.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#949425")

LINES: tuple[str | tuple[int, tuple[float, ...]], ...] = (
    "-", (0, (5.0, 1.6)), (0, (1.2, 1.4)), (0, (6.0, 1.6, 1.2, 1.6)), (0, (9.0, 3.0)), (0, (3.0, 1.2)))

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "<", "h", ">", "*")

#: Most lines that one figure holds.
MOST_LINES = 12

#: matplotlib's settings for a drawing.
SETTINGS: dict[str, Any] = {
    "svg.hashsalt": "statfe", "svg.fonttype": "path", "font.family": "DejaVu Sans", "font.size": 11.0,
    "mathtext.fontset": "dejavusans", "axes.edgecolor": INK, "axes.labelcolor": INK, "text.color": INK,
    "xtick.color": INK, "ytick.color": INK, "axes.facecolor": "none", "figure.facecolor": PAPER,
    "axes.grid": True, "grid.color": GRID, "grid.linewidth": 0.8,
    "axes.axisbelow": True, "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
    "lines.linewidth": 1.6, "axes.titlesize": 12.0, "axes.titlelocation": "left", "path.simplify": False,
    "axes.titlepad": 9.0, "axes.formatter.useoffset": False, "legend.fontsize": 9.5,
}

ERROR_CAPTION = (
    "Distance of each method from the reference, in nats a site. A filled marker: βF is too high; an open "
    "one: too low. Bars are one standard deviation of the method, the grey band is one of the reference: inside it "
    "the reference cannot tell a method from the truth. A marker on the lower edge: smaller than shown, "
    "or equal to the reference; a beta where all are equal is left empty. A strip below marks where a method "
    "gave no result.")

BETA_F_CAPTION = (
    "βF a site, that is −ln Z / N, by each method and by the reference. A line that leaves the frame is off "
    "by more than the frame shows.")

MOMENTS_CAPTION = (
    "Root mean square error of the correlations of coupled pairs. The noise of the true values, and of a method that "
    "samples, is taken off; an open marker stands at that noise: the error is smaller and cannot be seen. A marker on "
    "the lower edge: smaller than shown.")

PARETO_CAPTION = (
    "Cost beside accuracy: the median error over β, a missing result counted as infinite, against wall time. Numbers "
    "are places by that error. Filled: on the front, no other method is at once as fast and as accurate. Markers on "
    "the lower edge are equal to the reference, or their error is smaller than shown.")

MAP_CAPTION = (
    "Median error over the disorder, by method and β, one panel a size: blue within the tolerance, orange beyond it. A "
    "cross: most realisations gave no number. White: not run, or nothing could be judged. A dot marks the best, or all "
    "that the reference cannot tell apart. Methods are in the order of the table.")

GROWTH_CAPTION = (
    "Mean |error| a site over the disorder against the number of spins, with the standard error of the mean. A level "
    "line: the error is extensive, as F is. Falling: exact a site as N grows. Rising: not size-extensive.")


@dataclass(frozen=True)
class Style:
    """How one method is drawn."""

    colour: str
    line: str | tuple[int, tuple[float, ...]]
    marker: str


def group_key(method: str) -> str:
    """The method's spec without the options whose values are numbers."""
    name, _, rest = method.partition(":")
    words = [item for item in rest.split(",") if item and not _is_number(item.partition("=")[2])]
    return ":".join([name, *words])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def styles(methods: Sequence[str]) -> dict[str, Style]:
    """A style for each method, in their order."""
    groups: dict[str, list[str]] = {}
    for method in methods:
        groups.setdefault(group_key(method), []).append(method)
    chosen: dict[str, Style] = {}
    for g, members in enumerate(groups.values()):
        for m, method in enumerate(members):
            marker = MARKERS[len(chosen) % len(MARKERS)]
            line = LINES[(m + g // len(COLOURS)) % len(LINES)]
            chosen[method] = Style(COLOURS[g % len(COLOURS)], line, marker)
    return {method: chosen[method] for method in methods}


def pages(methods: Sequence[str]) -> list[list[str]]:
    """The methods in pages of at most `MOST_LINES`; a group stays together where it fits on a page."""
    groups: dict[str, list[str]] = {}
    for method in methods:
        groups.setdefault(group_key(method), []).append(method)
    found: list[list[str]] = [[]]
    for members in groups.values():
        if found[-1] and len(found[-1]) + len(members) > MOST_LINES:
            found.append([])
        for method in members:
            if len(found[-1]) == MOST_LINES:
                found.append([])
            found[-1].append(method)
    return found if found[0] else []
