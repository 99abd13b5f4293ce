"""Sections of the networks: what they use, whether they have learned the attractor, what is strange to them."""

from __future__ import annotations

import math

from statfe.attractors.network.analysis import NetworkAnalysis
from statfe.attractors.network.cloud import Picture
from statfe.attractors.network.looks import Vision
from statfe.learned.vae.latent_use import LEAST_DIVERGENCE, LEAST_VARIANCE
from statfe.report.attractors.network_figures import (
    draw_along,
    draw_clouds,
    draw_groups,
    draw_map,
    draw_spectra,
    draw_sums,
    draw_units,
)
from statfe.report.attractors.section import Plot, Section, Table, Value
from statfe.report.words import number

#: A learned noise this many times the known one says that the network has not resolved the data.
BLURRED = 1.5


def network_sections(found: NetworkAnalysis) -> list[Section]:
    """All of them."""
    vision = found.vision
    return [
        *([_units(found, vision)] if vision is not None else []), _clouds(found),
        _detection(found, vision), *([_groups(found)] if found.grouping is not None else [])]


def _units(found: NetworkAnalysis, vision: Vision) -> Section:
    use = vision.use
    facts = {
        "latent units": str(len(use.variance)), "active by variance": str(use.by_variance),
        "active by information": str(use.by_divergence),
        "information": f"{number(float(use.divergence.sum()), 4)} nats",
        "learned noise": number(vision.noise, 3), "negative ELBO": f"{number(vision.bounds[0], 5)} nats a row"}
    warnings = []
    if math.isfinite(found.noise_known) and found.noise_known > 0.0:
        facts["noise of the data"] = number(found.noise_known, 3)
        if vision.noise > BLURRED * found.noise_known:
            warnings.append(
                f"The network calls noise what is motion: it learned a noise of {number(vision.noise, 3)}, the data "
                f"have {number(found.noise_known, 3)}. What is below that is a blurred attractor: train longer, with "
                "wider layers or on more data.")
    if use.by_variance == len(use.variance):
        warnings.append("All latent units are active: there may be need of more; train with more of them.")
    if use.by_variance != use.by_divergence:
        warnings.append("The two criteria differ: the training is not at rest; train longer, with a falling rate.")
    rows = [(str(int(k)), Value(float(use.divergence[k])), Value(float(use.variance[k])), Value(float(use.width[k])))
            for k in use.order]
    words = [
        f"A unit is active where the variance of its mean is above {LEAST_VARIANCE:g}, or its information above "
        f"{LEAST_DIVERGENCE:g} nats. Active units count the dimensions of a flat space that holds the attractor, not "
        "its own dimension: a limit cycle may take two, a torus three. Its own is that of the decoded points, below."]
    return Section("units", "Active latent units", words, facts, warnings, [
        Table("latent_units", ("unit", "KL (nats)", "variance of the mean", "width of q"), rows)], [
        Plot("units", "Information of the latent units", "Left: mean KL of each latent unit to the prior. Right: "
             "variance of its mean. Dashed: the threshold of an active unit; grey: not active.",
             lambda: draw_units(vision)),
        Plot("latent-map", "Latent map", "Means of q(z|x) of held-back rows over the two units of most information.",
             lambda: draw_map(found))],
        {"use": use.to_dict(), "bounds": list(vision.bounds), "bound_error": vision.error})


def _clouds(found: NetworkAnalysis) -> Section:
    rows = [_cloud_row(p) for p in found.pictures]
    if found.truth is not None:
        t = found.truth
        rows.insert(0, ("states behind the data", Value(math.nan), Value(math.nan),
                        Value(float(t.value), float(t.error), t.message), Value(math.nan), Value(math.nan)))
    head = ("points", "latent", "error of reconstruction", "correlation dimension", "density distance",
            "spectral distance")
    words = [
        "Held-back data in two halves: one is the reference, the other goes through the networks. The row “data” is "
        "therefore the baseline: the distance of two halves of the truth. Density distance: sliced Wasserstein, in "
        "units of the network. Spectral distance: total variation of normalised spectra, 0 to 1. A small distance of "
        "“VAE” says that the data come back; only “from the prior” says that the generative model has the attractor "
        "itself. PCA has as many components as the VAE has active units."]
    notes = [f"{p.name}: no dimension: {p.dimension.message}" for p in found.pictures if p.dimension.message]
    facts = {"rows": f"{found.rows:,}", "unit of the network": f"{number(found.scale, 4)} units of the data",
             "columns": str(len(found.names)), "seed": str(found.seed)}
    plots = [
        Plot("decoded", "Decoded points", "Held-back data and what the networks make of them, over the principal axes "
             "of the data.", lambda: draw_clouds(found)),
        Plot("correlation-sums", "Correlation sums", "Share of the pairs at most r apart, and its slope, of the data "
             "and of every cloud. Dashed: the dimension of the states. Noise is a slope that rises towards small r.",
             lambda: draw_sums(found))]
    if any(p.spectrum is not None for p in found.pictures):
        plots.append(Plot("spectra", "Power spectra", "Power spectra of the data and of decoded motion.",
                          lambda: draw_spectra(found)))
    return Section("learned", "Has the network learned the attractor?", [*words, *notes], facts, found.remarks,
                   [Table("clouds", head, rows)], plots)


def _cloud_row(p: Picture) -> tuple[str | Value, ...]:
    d = p.dimension
    return (p.name, Value(float(p.latent) if p.latent else math.nan), Value(p.error),
            Value(float(d.value), float(d.error), d.message), Value(p.density_distance, digits=3),
            Value(p.spectral_distance, digits=3))


def _detection(found: NetworkAnalysis, vision: Vision | None) -> Section:
    kinds = list(dict.fromkeys(d.against for d in found.detections))
    rows: list[tuple[str | Value, ...]] = []
    for coder, score in dict.fromkeys((d.coder, d.score) for d in found.detections):
        of = {d.against: d.area for d in found.detections if (d.coder, d.score) == (coder, score)}
        rows.append((f"{coder}: {score}", *(Value(of[k]) for k in kinds)))
    words = ["Area under the ROC curve: the chance that a point off the attractor has a higher score than one on it; "
             "0.5 says nothing, 1 tells them apart. Shifted: moved in a random direction, root mean square a column, "
             "in units of the network. Shuffled: every column permuted by itself."]
    plots = [Plot("free-energy", "Free energy along the motion", "Two bounds on −ln p(x) along one held-back stretch.",
                  lambda: draw_along(vision))] if vision is not None else []
    return Section("anomalies", "Free energy as a score of strangeness", words, {}, (), [
        Table("detection", ("score", *kinds), rows)], plots)


def _groups(found: NetworkAnalysis) -> Section:
    groups = found.grouping
    assert groups is not None
    rows = [(name, Value(groups.rand[name]), Value(groups.nearest[name])) for name in groups.rand]
    words = ["Rows of held-back trajectories, each with the attractor that its trajectory is on. k-means knows no "
             "labels; the nearest labelled point is one of the other half."]
    return Section("groups", "Latent groups and attractors", words, {"attractors": ", ".join(groups.kinds)}, (), [
        Table("agreement", ("grouped", "adjusted Rand index", "nearest point right"), rows)], [
        Plot("groups", "Agreement with the attractors", "Adjusted Rand index of k-means, and share of the rows whose "
             "nearest neighbour has their attractor.", lambda: draw_groups(groups))])
