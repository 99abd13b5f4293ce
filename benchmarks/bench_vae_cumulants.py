"""What cumulants recover of the gap between a VAE's bound and -ln p(x), order by order, over test points.

    python -m benchmarks.bench_vae_cumulants [--points 500 500] [--seed 1] [--latent 2 3] [-o FOLDER] [--docs docs]

Models of latent dimension 2 and 3 are trained on bars and stripes in noise, on critical Ising configurations (spins),
and on scikit-learn's digits where it is installed. F_p is by quadrature, and so are the cumulants, so that what is left
is the truncation of the series; beside them stand sampled cumulants with jackknife errors, and what other methods give
for the same `COST`, in evaluations of the decoder, both at the first `SAMPLED` points. Tables go to the standard output
in markdown. With -o the rows of each finished model are kept in FOLDER and not made again; --docs writes the tables and
both figures to a folder, and --finished draws what there is.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import statfe
from benchmarks.vae_cumulant_tables import draw_growth, draw_shares, tables
from statfe.datasets.make import digits as real_digits
from statfe.errors import UsageError
from statfe.learned.vae.annealing import ais
from statfe.learned.vae.bounds import Q_ORDERS, importance, iwae
from statfe.learned.vae.cumulants import expand
from statfe.learned.vae.gaussian_part import gaussian_cumulants, gaussian_part
from statfe.learned.vae.halfway import halfway_cumulants, halfway_sums
from statfe.learned.vae.laplace import find_modes
from statfe.learned.vae.model import VaeShape
from statfe.learned.vae.posterior import Posterior
from statfe.learned.vae.quadrature import hermite_grid, quadrature
from statfe.learned.vae.training import TrainingOptions, fit_vae
from statfe.report.figures import write_svg
from statfe.series.cumulant_resummation import at_one, smallest_term
from statfe.series.cumulant_terms import of_states

ORDER, TRAIN, COST = 6, 4000, 4096
#: Error in nats to which F_p is wanted, and the first points that all methods see which sample.
SETTLED, SAMPLED = 3e-5, 150
#: Particles, temperatures and leaps whose product, pilot included, is `COST`.
AIS = {"particles": 32, "temperatures": 16, "leaps": 4}


def bars(points: int) -> np.ndarray:
    """8 x 8: rows or columns that are on, one unit in twenty flipped."""
    rng = np.random.default_rng(1)
    on, upright = rng.random((TRAIN + points, 8)) < 0.35, rng.random(TRAIN + points) < 0.5
    square = np.repeat(on[:, None, :], 8, axis=1)
    clean = np.where(upright[:, None, None], square, square.transpose(0, 2, 1)).reshape(-1, 64)
    return (clean ^ (rng.random(clean.shape) < 0.05)).astype(float)


def ising(points: int) -> np.ndarray:
    """8 x 8 at beta = 0.44, independent draws."""
    exact = statfe.exact_distribution("ising:shape=8x8", 0.44)
    return np.asarray(exact.sample(TRAIN + points, np.random.default_rng(2)), dtype=float)


def digits(points: int) -> np.ndarray:
    """1,797 of 8 x 8 pixels, on above half of the largest grey value, in random order."""
    del points
    return np.random.default_rng(3).permutation(real_digits(test_fraction=0.0).train).astype(float)


def trained(source, latent: int, points: int, seed: int):
    """A model and its test points."""
    data = source(points)
    likelihood = "spin" if data.min() < 0 else "bernoulli"
    # as many steps for the smaller set
    epochs = 40 * max(1, round(TRAIN / (len(data) - points)))
    fitted = fit_vae(
        data[:-points], VaeShape(64, latent, (64,), (64,), likelihood), epochs=epochs, test=data[-points:],
        options=TrainingOptions(batch=64, rate=2e-3, warm_up=8, seed=seed))
    return fitted.vae, data[-points:]


def point_row(point: Posterior, seed: int) -> dict[str, np.ndarray | float] | None:
    """Errors of everything at one point, or None where quadrature has no reference."""
    exact = quadrature(point, seed, SETTLED)
    if exact.status != "converged":
        return None
    F = exact.beta_f
    row: dict[str, np.ndarray | float] = {"exact": F, "exact_error": exact.beta_f_error}
    found = []
    for nodes in Q_ORDERS[point.latent]:
        u, w = hermite_grid(nodes, point.latent)
        w, V = w / w.sum(), point.exponents(u)
        found.append((of_states(V, w, ORDER, "quadrature"), gaussian_part(u, V, w), halfway_sums(V, w, ORDER)))
    (fine, part, half), coarse = found[0], found[1][0]
    rounding = np.maximum(fine.rounding, np.abs(fine.terms - coarse.terms))
    row |= {
        "plain": fine.sums - F, "rounding": np.cumsum(rounding), "terms": fine.terms,
        "stop": smallest_term(fine.terms, rounding), "pade": at_one(fine.terms, rounding).value - F,
        "gaussian": part.beta_f + np.cumsum(fine.terms - part.terms(ORDER)) - F, "halfway": half - F,
        "ratios": part.ratios, "spread": float(np.sqrt(fine.kappas[1])), "width": float(point.width.min())}
    modes = find_modes(point, seed)
    s = np.diag(point.width)
    row |= {"laplace": modes[0].beta_f - F if modes else np.nan, "modes": len(modes),
            "mode_ratios": np.linalg.eigvalsh(s @ modes[0].precision @ s) if modes else np.full(point.latent, np.nan)}
    return row


def sampled_row(point: Posterior, F: float, seed: int) -> dict[str, np.ndarray | float]:
    """Errors and standard errors of what samples, at `COST` evaluations; and of plain weights at four times that."""
    drawn = expand(point, ORDER, seed, "sampling", COST)
    row: dict[str, np.ndarray | float] = {"drawn": drawn.sums - F, "drawn_error": drawn.sum_errors}
    runs = {
        "iwae": iwae(point, seed, 64, COST // 64), "weights": importance(point, seed, COST, 0.0),
        "defended": importance(point, seed, COST), "many_weights": importance(point, seed, 4 * COST, 0.0),
        "many_defended": importance(point, seed, 4 * COST), "ais": ais(point, seed, reverse=False, **AIS),
        "gaussian_drawn": gaussian_cumulants(point, seed, 3, "sampling", COST),
        "halfway_drawn": halfway_cumulants(point, seed, 3, "sampling", COST)}
    for name, run in runs.items():
        row |= {name: run.beta_f - F, f"{name}_error": run.beta_f_error, f"{name}_ok": run.status == "converged"}
    return row


def model_rows(source, latent: int, points: int, seed: int) -> dict[str, np.ndarray]:
    """Columns over the test points that have a reference."""
    vae, test = trained(source, latent, points, seed)
    rows, drawn = [], []
    for k, x in enumerate(test):
        point = Posterior(vae, x)
        row = point_row(point, seed + k)
        if row is not None:
            rows.append(row)
            if len(drawn) < SAMPLED:
                drawn.append(sampled_row(point, float(row["exact"]), seed + k))
    columns = {name: np.array([row[name] for row in some]) for some in (rows, drawn) for name in some[0]}
    return columns | {"asked": np.array(len(test))}


def all_rows(
    asked: dict[int, int], seed: int, folder: Path | None, finished: bool = False
) -> dict[str, dict[str, np.ndarray]]:
    """Columns by model, for points by latent dimension; those in the folder are taken from there."""
    found = {}
    for latent, points in asked.items():
        for source in (bars, ising, digits):
            name = f"{source.__name__}, latent {latent}"
            file = None if folder is None else folder / f"vae-{source.__name__}-{latent}-{points}-{seed}.npz"
            if file is not None and file.exists():
                with np.load(file) as kept:
                    found[name] = dict(kept)
                continue
            if finished:
                continue
            try:
                found[name] = model_rows(source, latent, points, seed)
            except UsageError as missing:
                print(f"{name} left out: {missing}\n")
                continue
            if file is not None:
                np.savez_compressed(file, **found[name])
    return found


def test_share_of_the_gap(figure, capsys):
    found = all_rows({2: 40, 3: 10}, 1, None)
    with capsys.disabled():
        print("\n" + tables(found))
    for name, columns in found.items():
        gap = columns["plain"][:, 0]
        figure(f"{name}: share of the mean gap left at order 2", "-",
               f"{np.abs(columns['plain'][:, 1]).mean() / gap.mean():.2f}")
        assert np.all(gap > -1e-6)
        assert len(gap) > 0.9 * columns["asked"]


def main() -> None:
    """Tables and figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, nargs="+", default=[500, 500], help="one number a latent dimension")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--latent", type=int, nargs="+", default=[2, 3])
    parser.add_argument("--docs", type=Path)
    parser.add_argument("--finished", action="store_true")
    asked = parser.parse_args()
    if asked.output is not None:
        asked.output.mkdir(parents=True, exist_ok=True)
    points = dict(zip(asked.latent, asked.points, strict=True))
    found = all_rows(points, asked.seed, asked.output, asked.finished)
    text = tables(found)
    print(text)
    if asked.docs is not None:
        head = ("# Cumulants of VAE posteriors: all tables\n\n"
                "Test points a model: " + ", ".join(f"{n} in {d} dimensions" for d, n in points.items())
                + f"; seed {asked.seed}.\n\n")
        (asked.docs / "vae-cumulants-tables.md").write_text(head + text + "\n", encoding="utf-8")
        write_svg(asked.docs / "vae-cumulants.svg", lambda: draw_shares(found))
        write_svg(asked.docs / "vae-radius.svg", lambda: draw_growth(found))


if __name__ == "__main__":
    main()
