"""All figures of a machine's report, with their captions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from statfe.report.figures import Drawing, drawing_room, svg_text
from statfe.report.machines.image_figures import (
    draw_decoded,
    draw_filters,
    draw_latent,
    draw_reconstructions,
    draw_samples,
    is_image,
)
from statfe.report.machines.likelihood_figure import draw_likelihoods
from statfe.report.machines.posterior_figures import draw_divergence, draw_gap_error, draw_shares, orders
from statfe.report.machines.training_figure import draw_training, panels
from statfe.report.pareto_figure import draw_pareto
from statfe.report.styles import PARETO_CAPTION, styles
from statfe.scoring.machines.likelihoods import Likelihoods
from statfe.scoring.machines.portrait import FILTERS, RISE, STAY, Portrait
from statfe.scoring.machines.posteriors import Posteriors
from statfe.scoring.ranking import rank

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TRAINING = (
    "What the training saw. Bars are one standard error: those of a log-likelihood come from −ln Z.")
SAMPLES = {
    "rbm": "Generated samples: means of the visible units at the ends of independent Gibbs chains, led from the "
           f"biases alone to the machine in {RISE} sweeps, with {STAY} more there.",
    "vae": "Generated samples: means of x given z, for independent draws of z from the prior.",
}
RECONSTRUCTIONS = {
    "rbm": "Data points, and below them where the means of the hidden units lead back to.",
    "vae": "Data points, and below them the decoder's means at the mean of q(z|x).",
}
FILTER_CAPTION = (
    f"Filters: the weights of the hidden units to the visible ones, up to {FILTERS} of the largest norm, in that "
    "order. Red above 0, blue below.")
LATENT = (
    "Latent map: means of q(z|x) of the data points, by class where the data have classes. Circles: one and two "
    "standard deviations of the prior.")
DECODED = "Means of x given z over the plane of z, between the 2 % and 98 % quantiles of the prior along each axis."
DECODED_ROWS = "Means of x given z along the first axis of z, the second being 0."
GAP_ERROR = (
    "How far each method is from −ln p(x) against how far the bound is, one marker a point and method. Below the line "
    "a method improves on the bound. Markers on the lower edge are nearer than shown. Points whose gap is within the "
    "noise are left out.")
SHARES = (
    "Share of the gap that each method recovers, over the points: thick from the first to the third quartile, thin "
    "from 5 % to 95 %, a stroke at the median. What leaves the frame stands at its edge.")
DIVERGENCE = (
    "Where the expansion diverges: points in groups of equal size by their gap; the share of each group at which an "
    "order is the nearest to −ln p(x), and (line) at which the highest order gives no number or one that is farther "
    "off than the bound.")
LIKELIHOOD = (
    "By how much each method's log-likelihood of the data is off, best first. To the right of 0 (filled): too high, "
    "as F is too high. Bars are one standard error of the method, the grey band is one of the reference. The scale is "
    "even near 0 and logarithmic beyond.")
ROWS = " One row a sample, one column a unit."


def portrait_drawings(found: Portrait) -> list[Drawing]:
    """The figures that need no scores."""
    rows = "" if is_image(found.shape) else ROWS
    wanted: list[tuple[bool, str, str, str, Callable[[Portrait], Figure]]] = [
        (bool(panels(found)), "training", "Training curves", TRAINING, draw_training),
        (found.samples is not None, "samples", "Generated samples", SAMPLES[found.kind] + rows, draw_samples),
        (found.originals is not None, "reconstructions", "Data and reconstructions", RECONSTRUCTIONS[found.kind] + rows,
         draw_reconstructions),
        (found.filters is not None, "filters", "Filters", FILTER_CAPTION + rows, draw_filters),
        (found.places is not None, "latent-map", "Latent map", LATENT, draw_latent),
        (found.decoded is not None, "latent-grid", "Decoded plane of z",
         DECODED_ROWS + rows if rows else DECODED, draw_decoded)]
    return _drawn([(name, subject, caption, lambda draw=draw: draw(found))  # type: ignore[misc]
                   for there, name, subject, caption, draw in wanted if there])


def posterior_drawings(found: Posteriors) -> list[Drawing]:
    """Errors against gaps, shares by method, divergence of the orders where there are some."""
    chosen = styles(found.methods)
    wanted: list[tuple[str, str, str, Callable[[], Figure]]] = []
    if len(found.methods) > 1:
        wanted += [
            ("shares", "Share of the gap recovered by each method", SHARES, lambda: draw_shares(found, chosen)),
            ("gap-error", "Error against the gap of the bound", GAP_ERROR, lambda: draw_gap_error(found, chosen))]
    if len(orders(found)) > 2:
        wanted.append((
            "divergence", "Order of the cumulants that is nearest, by the gap", DIVERGENCE,
            lambda: draw_divergence(found)))
    return _drawn(wanted)


def likelihood_drawings(found: Likelihoods) -> list[Drawing]:
    """Log-likelihoods by method, and cost beside accuracy of F_eq."""
    c, chosen = found.comparison, styles(found.comparison.methods)
    if not c.scores:
        return []
    return _drawn([
        ("log-likelihood", "Error of the log-likelihood by method", LIKELIHOOD,
         lambda: draw_likelihoods(found, chosen)),
        ("pareto", "Error against seconds", PARETO_CAPTION, lambda: draw_pareto(rank(c.scores), chosen, c.model))])


def _drawn(wanted: Sequence[tuple[str, str, str, Callable[[], Figure]]]) -> list[Drawing]:
    with drawing_room():
        return [Drawing(name, subject, caption, svg_text(draw())) for name, subject, caption, draw in wanted]
