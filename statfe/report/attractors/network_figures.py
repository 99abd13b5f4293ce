"""Figures of networks on an attractor: units, latent map, decoded clouds, spectra, correlation sums, free energies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from statfe.attractors.network.analysis import NetworkAnalysis
from statfe.attractors.network.cloud import Picture, thin
from statfe.attractors.network.grouping import Grouping
from statfe.attractors.network.looks import Vision
from statfe.learned.vae.latent_use import LEAST_DIVERGENCE, LEAST_VARIANCE
from statfe.report.attractors.motion_figures import dots
from statfe.report.axes import label
from statfe.report.styles import COLOURS, LINES
from statfe.report.svg import FAINT, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Points of a cloud and clouds in a figure, at most, and units of a bar chart.
POINTS, CLOUDS, UNITS = 2500, 4, 48


def draw_units(vision: Vision) -> Figure:
    """KL of each latent unit, and the variance of its mean, against the thresholds of an active one."""
    from matplotlib.figure import Figure

    order = vision.use.order[:UNITS]
    figure = Figure(figsize=(8.4, 3.3), layout="constrained")
    for axes, values, least, words in zip(
            figure.subplots(1, 2), (vision.use.divergence, vision.use.variance), (LEAST_DIVERGENCE, LEAST_VARIANCE),
            ("KL to the prior (nats)", "variance of the mean"), strict=True):
        shown = np.maximum(values[order], 1e-5)
        axes.bar(range(1, len(order) + 1), shown, width=0.7,
                 color=[COLOURS[0] if value > least else FAINT for value in values[order]])
        axes.axhline(least, color=INK, linewidth=1.1, linestyle="--")
        axes.set_yscale("log")
        axes.set_ylim(bottom=1e-5)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("latent unit, by its information")
        axes.set_ylabel(words)
        axes.grid(visible=False, axis="x")
    return figure


def draw_map(found: NetworkAnalysis) -> Figure:
    """Means of q(z|x) over the two units of most information, by attractor where there are several."""
    from matplotlib.figure import Figure

    assert found.vision is not None
    places = found.vision.places
    figure = Figure(figsize=(6.0, 4.8), layout="constrained")
    axes = figure.subplots()
    groups = found.grouping
    if groups is not None:
        order = found.vision.use.order
        places = groups.places[:, order]
        for k, kind in enumerate(groups.kinds):
            own = places[groups.labels == k]
            dots(axes, own[:, 0], _second(own), COLOURS[k % len(COLOURS)], len(places), label(kind, 40))
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.02), title="attractor")
    else:
        dots(axes, places[:, 0], _second(places), COLOURS[0], len(places))
    axes.set_xlabel("z of most information")
    axes.set_ylabel("z of second most")
    return figure


def _second(places: np.ndarray) -> np.ndarray:
    return places[:, 1] if places.shape[1] > 1 else np.zeros(len(places))


def shown_clouds(found: NetworkAnalysis) -> list[Picture]:
    """The data and the clouds that are drawn beside them."""
    names = ["data", "VAE", "VAE from the prior", "autoencoder", "PCA"]
    pictures = [found.picture(name) for name in names]
    return [p for p in pictures if p is not None][:CLOUDS + 1]


def draw_clouds(found: NetworkAnalysis) -> Figure:
    """Every cloud over the same plane, the two principal axes of the data."""
    from matplotlib.figure import Figure

    pictures = shown_clouds(found)
    data = thin(pictures[0].points, POINTS)
    mean = data.mean(axis=0)
    axes_of = np.linalg.svd(data - mean, full_matrices=False)[2][:2].T
    figure = Figure(figsize=(2.9 * len(pictures) + 0.3, 3.1), layout="constrained")
    panels = figure.subplots(1, len(pictures), squeeze=False, sharex=True, sharey=True)[0]
    for k, (axes, picture) in enumerate(zip(panels, pictures, strict=True)):
        plane = (thin(picture.points, POINTS) - mean) @ axes_of
        dots(axes, plane[:, 0], _second(plane), COLOURS[k % len(COLOURS)], len(plane))
        axes.set_title(label(picture.name, 30), fontsize=10.0)
        axes.set_xlabel("first principal axis", fontsize=9.0)
    panels[0].set_ylabel("second", fontsize=9.0)
    return figure


def draw_sums(found: NetworkAnalysis) -> Figure:
    """Correlation sums of all clouds, and their slopes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.4, 3.7), layout="constrained")
    left, right = figure.subplots(1, 2)
    for k, picture in enumerate(found.pictures):
        c = picture.sum
        style = {"color": COLOURS[k % len(COLOURS)], "linestyle": LINES[k % len(LINES)], "linewidth": 1.3,
                 "label": label(picture.name, 30)}
        there = c.pairs > 0
        left.plot(c.radii[there], c.value[there], **style)
        seen = (c.pairs > 50) & np.isfinite(c.slope)
        right.plot(c.radii[seen], c.slope[seen], **style)
    truth = found.truth
    if truth is not None and np.isfinite(truth.value):
        right.axhline(float(truth.value), color=INK, linewidth=1.0, linestyle="--")
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_xlabel("r, in units of the network")
    left.set_yscale("log")
    left.set_ylabel("C(r), share of pairs")
    right.set_ylabel("local slope")
    right.set_ylim(0.0, None)
    right.legend(loc="upper left", bbox_to_anchor=(1.01, 1.02))
    return figure


def draw_spectra(found: NetworkAnalysis) -> Figure:
    """Power, summed over the columns, of the data and of what went through the networks."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.4, 3.7), layout="constrained")
    axes = figure.subplots()
    for k, picture in enumerate(p for p in found.pictures if p.spectrum is not None):
        assert picture.spectrum is not None
        axes.plot(picture.spectrum.frequency, picture.spectrum.density.sum(axis=1), color=COLOURS[k % len(COLOURS)],
                  linestyle=LINES[k % len(LINES)], linewidth=1.2, label=label(picture.name, 30))
    axes.set_yscale("log")
    axes.set_xlabel("frequency")
    axes.set_ylabel("power a unit of frequency")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.02))
    return figure


def draw_along(vision: Vision) -> Figure:
    """Both bounds on -ln p(x) along one stretch of motion."""
    from matplotlib.figure import Figure

    times, elbo, weighted = vision.along
    figure = Figure(figsize=(7.4, 3.0), layout="constrained")
    axes = figure.subplots()
    axes.plot(times, elbo, color=COLOURS[0], linewidth=1.1, label="negative ELBO")
    axes.plot(times, weighted, color=COLOURS[1], linewidth=1.1, label="importance-weighted bound")
    axes.set_xlabel("time")
    axes.set_ylabel("bound on −ln p(x) (nats)")
    axes.legend(loc="upper right")
    return figure


def draw_groups(groups: Grouping) -> Figure:
    """Agreement with the attractors, by what was grouped."""
    from matplotlib.figure import Figure

    names = list(groups.rand)
    figure = Figure(figsize=(6.4, max(1.8, 0.5 * len(names) + 0.9)), layout="constrained")
    axes: Axes = figure.subplots()
    at = np.arange(len(names))
    axes.barh(at - 0.18, [groups.rand[n] for n in names], height=0.34, color=COLOURS[0],
              label="k-means: adjusted Rand index")
    axes.barh(at + 0.18, [groups.nearest[n] for n in names], height=0.34, color=COLOURS[2],
              label="nearest labelled point: share right")
    axes.set_yticks(at, [label(n, 40) for n in names])
    axes.invert_yaxis()
    axes.axvline(1.0, color=INK, linewidth=1.0)
    axes.grid(visible=False, axis="y")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.02))
    return figure
