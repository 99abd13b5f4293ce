"""The figure of log-likelihoods: by how much each method is off, with its errors, best first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from statfe.report.axes import LABEL, label
from statfe.report.styles import Style
from statfe.report.svg import BAND, FAINT, INK, PAPER
from statfe.scoring.machines.likelihoods import Likelihoods

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Gaps up to this many times the smallest scale that can be seen are drawn evenly; larger ones by their logarithm.
LINEAR = 3.0


def draw_likelihoods(found: Likelihoods, chosen: Mapping[str, Style]) -> Figure:
    """<ln p> of each method less that of the reference; the band is one standard error of the reference."""
    from matplotlib.figure import Figure

    rows = [r for r in found.table if math.isfinite(r.gap)]
    figure = Figure(figsize=(7.8, max(2.2, 0.34 * len(rows) + 1.3)), layout="constrained")
    axes = figure.subplots()
    noise = found.comparison.reference[0].beta_f_error if found.comparison.reference else 0.0
    if math.isfinite(noise) and noise > 0.0:
        axes.axvspan(-noise, noise, color=BAND, linewidth=0.0, zorder=0)
    axes.axvline(0.0, color=INK, linewidth=1.1)
    for at, r in enumerate(rows):
        style = chosen[r.method]
        axes.errorbar([r.gap], [at], xerr=[r.error] if r.error > 0.0 else None, color=style.colour, marker=style.marker,
                      markersize=7.0, markerfacecolor=style.colour if r.gap > 0 else PAPER, capsize=3.0)
    gaps = np.array([abs(r.gap) for r in rows])
    small = max(noise, *(r.error for r in rows), 0.0) if rows else 0.0
    if len(gaps) and gaps.max() > 0.0:
        axes.set_xscale("symlog", linthresh=max(LINEAR * small, 1e-3 * float(gaps.max()), 1e-9))
    axes.set_yticks(range(len(rows)), [label(r.method, LABEL) for r in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("⟨ln p⟩ less that of the reference (nats a point)")
    if not rows:
        axes.text(0.5, 0.5, "nothing could be judged", transform=axes.transAxes, ha="center", color=FAINT)
    return figure
