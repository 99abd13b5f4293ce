"""The figure of a free-energy profile: beta F along its coordinate, with its error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from statfe.flat.profile import Profile
from statfe.report.axes import label
from statfe.report.styles import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_profile(profile: Profile) -> Figure:
    """beta F against M / N, or E / N, from its lowest value, with a band of two standard errors."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.6, 4.2))
    axes = figure.subplots()
    n = profile.model.n_sites
    # Along M the profile is known at saturation; what matters to the eye is the depth of wells.
    lowest = float(profile.beta_f.min())
    x, y = profile.coordinate / n, profile.beta_f - lowest
    axes.fill_between(x, y - 2.0 * profile.error, y + 2.0 * profile.error, color=COLOURS[0], alpha=0.3, linewidth=0.0,
                      label="two standard errors")
    axes.plot(x, y, color=COLOURS[0], marker="o" if len(x) <= 60 else "none", markersize=3.5, label="βF")
    axes.set_xlabel("magnetisation a spin M / N" if profile.along == "magnetization" else "energy a spin E / N")
    axes.set_ylabel("βF from its lowest value (nats)")
    done = "" if profile.status == "converged" else f", {profile.status.replace('_', ' ')}"
    axes.set_title(label(f"{profile.model.spec}, β = {profile.beta:g}{done}"))
    axes.legend()
    return figure
