"""Tables and figures of `benchmarks.bench_vae_cumulants`, from columns of errors over test points."""

from __future__ import annotations

import itertools

import numpy as np
import scipy.stats

from statfe.report.styles import COLOURS, LINES, MARKERS
from statfe.report.svg import FAINT

Columns = dict[str, np.ndarray]
#: Points of a model in a scatter plot.
DRAWN = 150
#: Edges of the gap in nats.
BINS = (0.0, 0.03, 0.1, 0.2, 0.4, 0.8, np.inf)


def tables(found: dict[str, Columns]) -> str:
    """All tables, in markdown."""
    return "\n\n".join((shares(found), resummed(found), by_gap(found), theory(found), noise(found), cost(found),
                        weights(found)))


def _table(title: str, head: list[str], rows: list[list[str]]) -> str:
    lines = [f"**{title}**", "", "| " + " | ".join(head) + " |", "| " + " | ".join(["---"] * len(head)) + " |"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def pooled(found: dict[str, Columns], name: str) -> np.ndarray:
    """One column of all models."""
    return np.concatenate([c[name] for c in found.values()])


def _gap(c: Columns) -> np.ndarray:
    return c["plain"][:, 0]


def _stopped(c: Columns) -> np.ndarray:
    return np.take_along_axis(c["plain"], c["stop"][:, None].astype(int) - 1, axis=1)[:, 0]


def _size(error: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """|error|, and the gap where there is no value: the ELBO is then all one has."""
    return np.where(np.isfinite(error), np.abs(error), gap)


def _left(error: np.ndarray, gap: np.ndarray) -> str:
    """Share of the mean gap recovered, median share, share of points nearer than the ELBO; a NaN counts as the gap."""
    size = _size(error, gap)
    return f"{1 - size.mean() / gap.mean():.2f} / {np.median(1 - size / gap):.2f} / {np.mean(size < gap):.0%}"


def shares(found: dict[str, Columns]) -> str:
    """Orders 2 to 6 and the rule."""
    rows = []
    for name, c in found.items():
        gap = _gap(c)
        rows.append([name, f"{len(gap)} of {int(c['asked'])}", f"{gap.mean():.3f} / {np.median(gap):.3f}",
                     *(_left(c["plain"][:, k], gap) for k in range(1, 6)), _left(_stopped(c), gap)])
    return _table("Share of the gap F_q - F_p recovered: of the mean gap / median over points / points nearer than the "
                  "ELBO", ["model", "points", "gap: mean / median (nat)", "order 2", "3", "4", "5", "6",
                           "smallest term"], rows)


def resummed(found: dict[str, Columns]) -> str:
    """The same of other sums."""
    rows = []
    for name, c in found.items():
        gap = _gap(c)
        rows.append([name, _left(c["pade"], gap), *(_left(c["gaussian"][:, k], gap) for k in (0, 2, 5)),
                     *(_left(c["halfway"][:, k], gap) for k in (0, 1, 2, 5)), _left(c["laplace"], gap)])
    return _table("The same for other sums of the same cumulants, cumulants half of the way, and Laplace",
                  ["model", "Pade of 6", "Gaussian part alone", "with orders to 3", "with orders to 6",
                   "halfway, order 1", "2", "3", "6", "Laplace"], rows)


def by_gap(found: dict[str, Columns]) -> str:
    """Median share against the gap, all models together."""
    gap = np.concatenate([_gap(c) for c in found.values()])
    plain, gaussian, halfway = (pooled(found, name) for name in ("plain", "gaussian", "halfway"))
    terms, rows = pooled(found, "terms"), []
    for low, high in itertools.pairwise(BINS):
        here = (gap >= low) & (gap < high)
        if not here.any():
            continue
        rows.append([f"{low:g} to {high:g}", str(here.sum()),
                     *(f"{np.median(1 - np.abs(plain[here, k]) / gap[here]):.2f}" for k in range(1, 6)),
                     f"{np.mean(np.abs(terms[here, 5]) > np.abs(terms[here, 3])):.0%}",
                     f"{np.median(1 - _size(gaussian[here, 2], gap[here]) / gap[here]):.2f}",
                     f"{np.median(1 - np.abs(halfway[here, 2]) / gap[here]):.2f}"])
    return _table("Median share recovered against the gap, all models", [
        "gap (nat)", "points", "order 2", "3", "4", "5", "6", "terms grow: abs(t_6) > abs(t_4)", "Gaussian, order 3",
        "halfway, order 3"], rows)


def _correlation(c: Columns) -> float:
    """Spearman's, of the skewness of V and the growth of the terms."""
    return float(scipy.stats.spearmanr(_skewness(c), np.abs(c["terms"][:, 5] / c["terms"][:, 3])).statistic)


def theory(found: dict[str, Columns]) -> str:
    """Does the Gaussian radius say where terms grow?"""
    rows = []
    for name, c in found.items():
        grows = np.abs(c["terms"][:, 5]) > np.abs(c["terms"][:, 3])
        predicted = c["ratios"][:, -1] > 2.0
        at_mode = c["mode_ratios"][:, -1] > 2.0
        worse = np.abs(c["plain"][:, 5]) > _gap(c)
        rows.append([name, f"{np.median(_skewness(c)):.1f}", f"{_correlation(c):.2f}",
                     f"{np.median(c['ratios'][:, -1]):.2f}", f"{np.median(c['ratios'][:, 0]):.2f}",
                     f"{predicted.mean():.0%}", f"{grows.mean():.0%}", f"{np.mean(grows == predicted):.0%}",
                     f"{np.mean(grows == at_mode):.0%}", f"{worse.mean():.0%}",
                     f"{np.mean(predicted[worse]):.0%}" if worse.any() else "-"])
    return _table("Where the series of the Gaussian part diverges, and where the terms do", [
        "model", "abs(skewness) of V, median", "rank correlation of growth with it",
        "largest b, median", "smallest b, median", "predicted to diverge (largest b > 2)", "terms grow",
        "agree", "agree, b at the mode", "order 6 worse than the ELBO", "of these predicted"], rows)


def noise(found: dict[str, Columns]) -> str:
    """Truncation beside sampling."""
    rows = []
    for name, c in found.items():
        cells = []
        for k in range(1, 6):
            error = c["drawn_error"][:, k]
            truncation = np.abs(c["plain"][:len(error), k])
            cells.append(f"{np.median(truncation):.2g} / {np.median(error):.2g} / "
                         f"{np.mean(truncation > 2 * error):.0%}")
        rows.append([name, *cells])
    return _table("Error of truncation (quadrature) / jackknife error of 4,096 samples, medians in nat / points where "
                  "the first is more than twice the second", ["model", "order 2", "3", "4", "5", "6"], rows)


def cost(found: dict[str, Columns]) -> str:
    """Median error for the same cost."""
    names = {"order 2, sampled": ("drawn", 1), "order 3, sampled": ("drawn", 2), "order 4, sampled": ("drawn", 3),
             "Gaussian part, order 3": "gaussian_drawn", "halfway, order 3": "halfway_drawn", "IWAE, k = 64": "iwae",
             "importance sampling": "weights", "the same, defended": "defended", "AIS": "ais", "Laplace": "laplace"}
    rows = []
    for name, c in found.items():
        cells = []
        for key in names.values():
            error = np.abs(c[key] if isinstance(key, str) else c[key[0]][:, key[1]])[:len(c["drawn"])]
            cells.append(f"{np.nanmedian(error):.2g} / {np.sqrt(np.nanmean(error**2)):.2g}")
        rows.append([name, f"{np.median(_gap(c)[:len(c['drawn'])]):.2g}", *cells])
    return _table("Error for 4,096 evaluations of the decoder (AIS: of its gradient; Laplace: about 300): median / "
                  "root mean square over points (nat)", ["model", "gap", *names], rows)


def weights(found: dict[str, Columns]) -> str:
    """Are errors of weighted samples honest?"""
    rows = []
    for name, c in found.items():
        cells = []
        for key in ("weights", "many_weights", "defended", "many_defended", "ais"):
            good = c[f"{key}_ok"].astype(bool)
            z = (c[key] / c[f"{key}_error"])[good]
            cells.append(f"{good.mean():.0%} / {np.sqrt(np.mean(z**2)):.2f} / {np.abs(z).max():.1f} / "
                         f"{np.sum(np.abs(z) > 4)}" if good.any() else "0%")
        rows.append([name, f"{np.median(1 - c['width']**2):.2f}", *cells])
    return _table("Weighted samples: converged / rms of (estimate - exact) / error / largest / beyond 4, of those "
                  "converged", ["model", "1 - min sigma^2", "q, 4,096", "q, 16,384", "defended, 4,096",
                                "defended, 16,384", "AIS, 4,096"], rows)


def draw_shares(found: dict[str, Columns]):
    """Share of the gap recovered by order; error over gap against the gap."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.4, 4.3))
    left, right = figure.subplots(1, 2)
    orders = np.arange(1, 7)
    for number, (name, c) in enumerate(found.items()):
        gap = _gap(c)[:, None]
        share = np.median(1.0 - np.abs(c["plain"]) / gap, axis=0)
        mean = 1.0 - np.abs(c["plain"]).mean(axis=0) / gap.mean()
        colour, line = COLOURS[number % 3], LINES[number // 3]
        left.plot(orders, share, color=colour, linestyle=line, marker=MARKERS[number % 3], markersize=4.5, label=name)
        left.plot(orders, mean, color=colour, linestyle=line, linewidth=0.7, alpha=0.75)
    left.set_ylim(-1.0, 1.02)
    left.set_xlabel("order")
    left.set_title("gap recovered: median (thick), mean (thin)")
    left.axhline(0.0, color=FAINT, linewidth=1.0)
    left.legend(loc="lower left", fontsize=8, handlelength=3.5)
    gap = np.concatenate([_gap(c) for c in found.values()])
    kinds = [(f"order {k}", pooled(found, "plain")[:, k - 1]) for k in (2, 3, 4, 6)]
    kinds += [("Gaussian part, order 3", pooled(found, "gaussian")[:, 2]),
              ("halfway, order 3", pooled(found, "halfway")[:, 2]), ("Laplace", pooled(found, "laplace"))]
    edges = np.quantile(gap, np.linspace(0.0, 1.0, 16))
    for number, (name, error) in enumerate(kinds):
        ratio = _size(error, gap) / gap
        x, y = [], []
        for low, high in itertools.pairwise(edges):
            here = (gap >= low) & (gap <= high)
            x.append(np.median(gap[here]))
            y.append(np.median(ratio[here]))
        right.plot(x, y, color=COLOURS[number % len(COLOURS)], marker=MARKERS[number], markersize=4,
                   linestyle=LINES[0 if number < 4 else 1], label=name)
    right.axhline(1.0, color=FAINT, linewidth=1.0)
    right.set_xscale("log")
    right.set_yscale("log")
    right.set_xlabel("gap of the point (nat)")
    right.set_title("median |error| / gap (1: the ELBO)")
    right.legend(loc="upper left", bbox_to_anchor=(1.01, 1.02), borderaxespad=0.0)
    figure.tight_layout()
    return figure


def _skewness(c: Columns) -> np.ndarray:
    """|kappa_3| / kappa_2^(3/2) of V, from the terms."""
    t = c["terms"]
    return np.abs(6.0 * t[:, 2]) / (-2.0 * t[:, 1]) ** 1.5


def draw_growth(found: dict[str, Columns]):
    """How terms grow against what the Gaussian part says, and against the skewness of V."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.8, 4.3))
    left, right = figure.subplots(1, 2, sharey=True)
    for number, (name, c) in enumerate(found.items()):
        growth = np.sqrt(np.abs(c["terms"][:, 5] / c["terms"][:, 3]))
        for axes, x in ((left, np.max(np.abs(c["ratios"] - 1.0), axis=1)), (right, _skewness(c))):
            axes.plot(x[:DRAWN], growth[:DRAWN], MARKERS[number % 3],
                      color=COLOURS[number % 3], markersize=2.2, alpha=0.55,
                      markerfacecolor="none" if number // 3 else COLOURS[number % 3], label=name)
    ends = np.array([0.05, 20.0])
    left.plot(ends, ends, color=FAINT, linewidth=1.0)
    left.axvline(1.0, color=FAINT, linestyle="--", linewidth=1.0)
    left.set_xlim(0.1, 10.0)
    left.set_xlabel("1 / radius of the Gaussian part, max |b - 1|")
    left.set_ylabel("growth of the terms an order, |t6 / t4|^(1/2)")
    right.set_xlim(0.05, 30.0)
    right.set_xlabel("|skewness| of V")
    for axes in (left, right):
        axes.axhline(1.0, color=FAINT, linestyle="--", linewidth=1.0)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_ylim(0.1, 20.0)
    right.legend(loc="lower right", fontsize=8, markerscale=2.0)
    figure.tight_layout()
    return figure
