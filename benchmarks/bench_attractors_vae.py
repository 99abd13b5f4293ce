"""How many latent units an attractor needs, and whether a variational autoencoder has learned it.

    python -m benchmarks.bench_attractors_vae [--cases lorenz63 cycle] [--work FOLDER] [--seed 1] [--docs docs]

Lorenz 1963, a limit cycle of Rossler's system, and tori embedded in three and in four dimensions, all lifted smoothly
into 64 dimensions with 2 % noise. `train_vae` searches 1 to 8 latent units by a validation part of the training
trajectories; the network that it keeps is held against the attractor on the test part. Tables go to the standard output
in markdown, --docs writes them and a figure to a folder. Data and networks that are in --work already are not made
again.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import statfe
from statfe.attractors.generate import generate
from statfe.attractors.lifting import chart_of, make_lifting
from statfe.attractors.network.analysis import NetworkAnalysis, analyse_networks
from statfe.attractors.trajectory_file import write_trajectories
from statfe.datasets.trajectory_rows import open_trajectories
from statfe.learned.vae.latent_use import latent_use
from statfe.learned.vae.training import TrainingOptions
from statfe.report.figures import write_svg
from statfe.report.styles import COLOURS, MARKERS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from statfe.learned.vae.latent_table import LatentSearch

LIFT, NOISE_SIZE, SAMPLES = 64, 0.02, 200
#: Trajectories of each case.
COUNT = 200
LATENTS = (1, 2, 3, 4, 8)
CASES = ("lorenz63", "cycle", "ring", "flat")


@dataclass
class Case:
    """One attractor, its own dimension, and the flat dimensions that topology asks for."""

    name: str
    own: float
    needs: str
    path: Path
    search: LatentSearch | None = None
    active: tuple[int, int] = (0, 0)
    seconds: float = 0.0
    found: NetworkAnalysis | None = None


def tori(path: Path, flat: bool, seed: int) -> None:
    """Two angles that turn at rates with no common period, as a ring in space or as two circles, lifted, with noise."""
    rng = np.random.default_rng(seed)
    starts = rng.random((COUNT, 1, 2)) * 2.0 * math.pi
    a, b = np.moveaxis(starts + 0.3 * np.arange(SAMPLES)[None, :, None] * [1.0, 0.5 * (math.sqrt(5.0) - 1.0)], 2, 0)
    ring = [(2.0 + 0.8 * np.cos(b)) * np.cos(a), (2.0 + 0.8 * np.cos(b)) * np.sin(a), 0.8 * np.sin(b)]
    points = np.stack([np.cos(a), np.sin(a), np.cos(b), np.sin(b)] if flat else ring, axis=2)
    y = make_lifting(chart_of(points), LIFT, seed).apply(points)
    y += NOISE_SIZE * y.reshape(-1, LIFT).std(axis=0) * rng.standard_normal(y.shape)
    write_trajectories(path, points, step=0.3, observations=y, seed=seed, attributes={"noise": NOISE_SIZE})


def cases(work: Path, seed: int) -> list[Case]:
    """The data, made where they are not there yet."""
    found = [Case("Lorenz 1963", 2.05, "3", work / "lorenz63.h5"),
             Case("limit cycle of Rossler's", 1.0, "2", work / "cycle.h5"),
             Case("torus, a ring in 3 dimensions", 2.0, "3", work / "ring.h5"),
             Case("torus, flat in 4 dimensions", 2.0, "3 or 4", work / "flat.h5")]
    systems = {"Lorenz 1963": ("lorenz63", 20), "limit cycle of Rossler's": ("rossler:c=2.5", 50)}
    for case in found:
        if case.path.exists():
            continue
        if case.name in systems:
            spec, every = systems[case.name]
            generate(spec, case.path, trajectories=COUNT, samples=SAMPLES, every=every, start="box", lift=LIFT,
                     noise=NOISE_SIZE, seed=seed, force=True)
        else:
            tori(case.path, "flat" in case.name, seed)
    return found


def measure(case: Case, work: Path, seed: int) -> None:
    """Search the latent units, and look at the network that was kept."""
    start = time.perf_counter()
    path, plain = work / f"{case.path.stem}-search.h5", work / f"{case.path.stem}-plain.h5"
    trained = statfe.load(path) if path.exists() else statfe.train_vae(case.path, path, latent=LATENTS, seed=seed)
    parts = open_trajectories(case.path)
    use = latent_use(trained.vae, trained.standard.apply(parts.test.read(0, len(parts.test))))
    case.search, case.active = trained.search, (use.by_variance, use.by_divergence)
    if not plain.exists() or statfe.load(plain).vae.shape.latent != case.search.kept:
        statfe.train_vae(case.path, plain, latent=case.search.kept, seed=seed, force=True, options=TrainingOptions(
            rate=3e-3, rate_decay=0.97, objective="autoencoder", seed=seed))
    case.found = analyse_networks(case.path, vae=path, autoencoder=plain, seed=seed)
    case.seconds = time.perf_counter() - start


def shown(value: float, error: float = math.nan) -> str:
    """A number of a table."""
    if not math.isfinite(value):
        return "-"
    return f"{value:.2f} ± {error:.2f}" if math.isfinite(error) and error > 0 else f"{value:.3g}"


def dimension_tables(found: list[Case]) -> str:
    """Both tables of the first part."""
    lines = ["| attractor | own dimension | flat space needed | units kept | active units | next best | with 8 latent "
             "| decoded dimension | of the states | seconds |",
             "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    for c in found:
        assert c.found is not None
        assert c.search is not None
        columns = c.search.columns
        second = int(np.argsort(columns["bound"])[1])
        behind = shown(columns["above_best"][second], columns["above_best_error"][second])
        decoded, truth = c.found.picture("VAE"), c.found.truth
        assert decoded is not None
        lines.append(
            f"| {c.name} | {c.own:g} | {c.needs} | {c.search.kept} | {c.active[0]} and {c.active[1]} | "
            f"{c.search.latent[second]}, {behind} above | "
            f"{columns['active_by_variance'][-1]} and {columns['active_by_divergence'][-1]} | "
            f"{shown(float(decoded.dimension.value), float(decoded.dimension.error))} | "
            f"{'-' if truth is None else shown(float(truth.value), float(truth.error))} | {c.seconds:.0f} |")
    lines += ["", "| attractor | points | latent | error | dimension | density distance | spectral distance |",
              "| --- | --- | --- | --- | --- | --- | --- |"]
    for c in found:
        assert c.found is not None
        for p in c.found.pictures:
            lines.append(
                f"| {c.name} | {p.name} | {p.latent or '-'} | {shown(p.error)} | "
                f"{shown(float(p.dimension.value), float(p.dimension.error))} | {shown(p.density_distance)} | "
                f"{shown(p.spectral_distance)} |")
    lines += ["", "| attractor | score | " + " | ".join(k for k in _kinds(found[0])) + " |",
              "| --- | --- |" + " --- |" * len(_kinds(found[0]))]
    for c in found:
        assert c.found is not None
        for name in dict.fromkeys((d.coder, d.score) for d in c.found.detections):
            areas = [f"{d.area:.3f}" for d in c.found.detections if (d.coder, d.score) == name]
            lines.append(f"| {c.name} | {name[0]}: {name[1]} | " + " | ".join(areas) + " |")
    return "\n".join(lines)


def _kinds(case: Case) -> list[str]:
    assert case.found is not None
    return list(dict.fromkeys(d.against for d in case.found.detections))


def draw_bounds(found: list[Case]) -> Figure:
    """The bound of the validation part and the active units against the latent units."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.6, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for k, c in enumerate(found):
        style = {"color": COLOURS[k % len(COLOURS)], "marker": MARKERS[k % len(MARKERS)], "markersize": 5.0}
        assert c.search is not None
        left.plot(c.search.latent, c.search.columns["above_best"] + 0.1, label=c.name, **style)
        right.plot(c.search.latent, c.search.columns["active_by_variance"], **style)
    left.set_yscale("log")
    left.set_ylabel("bound above the best one, + 0.1 (nats a row)")
    right.set_ylabel("active units")
    right.plot([1, 8], [1, 8], color="#6b6f76", linestyle=":", linewidth=1.0)
    for axes in (left, right):
        axes.set_xlabel("latent units")
    left.legend(fontsize=8.0)
    return figure


def main() -> None:
    """All cases."""
    words = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    words.add_argument("--cases", nargs="*", default=CASES, choices=CASES)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--work", type=Path, default=Path("bench-attractors"))
    words.add_argument("--docs", type=Path)
    given = words.parse_args()
    given.work.mkdir(exist_ok=True)
    found = [c for c in cases(given.work, given.seed) if c.path.stem in given.cases]
    for case in found:
        measure(case, given.work, given.seed)
        print(case.name, case.search and case.search.to_dict(), case.active, f"{case.seconds:.0f} s", flush=True)
    text = dimension_tables(found)
    print(f"\n{text}")
    if given.docs:
        write_svg(given.docs / "attractors-units.svg", lambda: draw_bounds(found))
        (given.docs / "attractors-dimensions-tables.md").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
