"""Do the latent clusters of a variational autoencoder agree with the attractors of a multistable system?

    python -m benchmarks.bench_attractors_groups [--cases duffing pendulum lorenz84] [--seeds 1 2] [--work FOLDER]
        [--docs docs]

Three systems with several attractors: the two wells of Duffing, weakly shaken; the pendulum over three magnets, not yet
at rest; Lorenz 1984 with a fixed point, a limit cycle and a strange attractor. `identify_attractors` finds them without
any network; trajectories from anywhere in the box, lifted smoothly into 32 dimensions with 2 % noise, train a
network of 2, 3 or 4 latent units. The held-back rows are clustered by k-means and held against the attractor that their
trajectory comes to, as `statfe attractors analyze` does: adjusted Rand index, and the share of rows whose nearest
neighbour of another trajectory has their attractor. Every seed makes its own starts, data and networks. The table goes
to the standard output in markdown, and with --docs to a folder. What is in --work already is not made again.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import statfe
from statfe.attractors.found import AttractorSet
from statfe.attractors.found_file import read_found
from statfe.attractors.generate import generate
from statfe.attractors.network.analysis import analyse_networks
from statfe.attractors.network.grouping import Grouping

LIFT, NOISE, COUNT, SAMPLES, STARTS = 32, 0.02, 200, 100, 400
LATENTS = (2, 3, 4)
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "duffing": ("duffing:gamma=0.2", {"transient": 300.0, "every": 20}),
    # time 30: past the last passage from magnet to magnet of nearly all, while they still swing
    "pendulum": ("magnetic-pendulum", {"transient": 30.0, "every": 10}),
    "lorenz84": ("lorenz84:a=0.25", {})}
POINTS = ("data", "VAE", "PCA")


@dataclass(frozen=True)
class Run:
    """One system with one seed."""

    found: AttractorSet
    latent: int
    groups: Grouping
    seconds: float


def measure(name: str, work: Path, seed: int) -> Run:
    """Find the attractors, learn the lifted data, cluster the held-back rows."""
    start = time.perf_counter()
    spec, options = CASES[name]
    basins, data, network = (work / f"{name}-{seed}{end}.h5" for end in ("-basins", "", "-vae"))
    if not basins.exists():
        statfe.identify_attractors(spec, basins, starts=STARTS, seed=seed)
    if not data.exists():
        generate(spec, data, trajectories=COUNT, samples=SAMPLES, start="box", lift=LIFT, noise=NOISE, seed=seed,
                 **options)
    trained = statfe.load(network) if network.exists() else statfe.train_vae(data, network, latent=LATENTS, seed=seed)
    groups = analyse_networks(data, vae=network, attractors=basins, seed=seed).grouping
    assert groups is not None, f"{name}: all held-back trajectories are on one attractor"
    return Run(read_found(basins), trained.vae.shape.latent, groups, time.perf_counter() - start)


def spread(values: Sequence[float]) -> str:
    """The mean, and the range where there is one, to three digits."""
    low, high = f"{min(values):.3f}", f"{max(values):.3f}"
    return low if low == high else f"{np.mean(values):.3f} ({low} to {high})"


def table(found: dict[str, list[Run]]) -> str:
    """A row for each system, over its seeds."""
    lines = ["| system | attractors | units kept | " + " | ".join(f"Rand index: {p}" for p in POINTS) + " | "
             + " | ".join(f"nearest: {p}" for p in POINTS) + " |",
             "| --- |" + " --- |" * (2 + 2 * len(POINTS))]
    for name, runs in found.items():

        def row(of: Callable[[Grouping], dict[str, float]], runs: list[Run] = runs) -> str:
            return " | ".join(spread([of(r.groups)[p] for r in runs]) for p in POINTS)

        kinds = sorted({", ".join(sorted(r.found.kinds)) for r in runs})
        lines.append(
            f"| `{CASES[name][0]}` | {' or '.join(kinds)} | {', '.join(str(r.latent) for r in runs)} | "
            f"{row(lambda g: g.rand)} | {row(lambda g: g.nearest)} |")
    return "\n".join(lines)


def main() -> None:
    """All systems, all seeds."""
    words = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    words.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    words.add_argument("--seeds", nargs="*", type=int, default=[1, 2])
    words.add_argument("--work", type=Path, default=Path("bench-attractors"))
    words.add_argument("--docs", type=Path)
    given = words.parse_args()
    given.work.mkdir(exist_ok=True)
    found: dict[str, list[Run]] = {}
    for seed in given.seeds:
        for name in given.cases:
            run = measure(name, given.work, seed)
            found.setdefault(name, []).append(run)
            print(name, seed, run.found.kinds, run.latent, run.groups.rand, run.groups.nearest, f"{run.seconds:.0f} s",
                  flush=True)
    text = table(found)
    print(f"\n{text}")
    if given.docs:
        (given.docs / "attractors-groups-tables.md").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
