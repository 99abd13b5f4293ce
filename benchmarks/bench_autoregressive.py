"""Upper bounds on F: an autoregressive network beside product trials and Bethe, and how fast the network trains.

    python -m pytest benchmarks/bench_autoregressive.py -s     a small glass only
    python benchmarks/bench_autoregressive.py                  the table
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np

import statfe
from statfe.learned.autoregressive import BATCH
from statfe.learned.autoregressive_trial import free_trial
from statfe.models.ising import IsingModel
from statfe.registry import run_method
from statfe.result import FreeEnergy

#: (model, exact method, betas).
CASES = (
    ("ising:shape=16x16", "kaufman", (0.3, 0.44, 0.6)),
    ("sk:n=20,seed=1", "enumeration", (0.5, 1.0, 2.0)),
    ("ea:shape=8x8,seed=1", "transfer-matrix", (0.5, 1.0, 2.0)),
)
OTHERS = ("mean-field", "bethe", "gibbs-bogoliubov", "autoregressive:depth=1")
NETWORK = "autoregressive"
#: Side of the matrix product that the training is held against.
GEMM = 1024


@dataclass(frozen=True)
class Row:
    """One model at one beta: the gap of each method to the exact beta F, a site; NaN where it has no number."""

    beta: float
    gaps: dict[str, float]
    network: FreeEnergy
    exact: float


def bounds(spec: str, exact: str, betas: tuple[float, ...], others: tuple[str, ...] = OTHERS) -> list[Row]:
    """The gaps of all methods."""
    model, grid = statfe.model(spec), np.array(betas)
    truth = run_method(model, grid, exact)
    found = {name: run_method(model, grid, name, seed=1) for name in (*others, NETWORK)}
    return [
        Row(float(beta), {name: (rows[k].beta_f - truth[k].beta_f) / model.n_sites for name, rows in found.items()},
            found[NETWORK][k], truth[k].beta_f)
        for k, beta in enumerate(grid)]


def rates(model: IsingModel, steps: int = 20) -> tuple[float, float]:
    """(samples a second of a training step, useful GFLOP/s of it): draw a batch, then its gradient; best of `steps`."""
    trial, rng = free_trial(model, 0.4), np.random.default_rng(1)
    weights, best = rng.normal(size=BATCH), np.inf
    for _ in range(steps):
        start = time.perf_counter()
        trial.score(trial.draw(BATCH, rng), weights)
        best = min(best, time.perf_counter() - start)
    # each weight multiplies once on the way up, once in its own slope, and those above a hidden layer on the way down
    weights_seen = float(trial.network.mask.sum())
    down = float(trial.network.layout.views(trial.network.mask)["weights-0"].sum())
    return BATCH / best, 2.0 * BATCH * (2.0 * weights_seen + down) / best / 1e9


def gemm(kind: type, repeats: int = 5) -> float:
    """GFLOP/s of a product of two large square matrices."""
    a = np.random.default_rng(0).random((GEMM, GEMM)).astype(kind)
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - start)
    return 2.0 * GEMM**3 / best / 1e9


def test_the_network_beats_every_product(figure):
    (row,) = bounds("ea:shape=6x6,seed=1", "transfer-matrix", (1.0,), ("gibbs-bogoliubov",))
    gap, product = row.gaps[NETWORK], row.gaps["gibbs-bogoliubov"]
    figure("6x6 glass, beta 1: gap a site, network and product", "below", f"{gap:.5f} and {product:.3f}")
    error = row.network.beta_f_error / 36
    assert -4.0 * error < gap < 0.05 * product


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    names = (*OTHERS, NETWORK)
    print("(beta_f - exact) / N")
    print(f"{'model':20} {'beta':>5} " + " ".join(f"{name.split(':')[-1]:>16}" for name in names)
          + f" {'error':>8} {'ESS':>6} {'importance':>11} {'error':>8} {'steps':>6} {'s':>6}")
    for spec, exact, betas in CASES:
        n = statfe.model(spec).n_sites
        for row in bounds(spec, exact, betas):
            stats = row.network.stats
            collapse = "*" if stats["weights_collapse"] else ""
            print(f"{spec:20} {row.beta:5.2f} " + " ".join(f"{row.gaps[name]:16.5f}" for name in names)
                  + f" {row.network.beta_f_error / n:8.5f} {stats['effective_samples'] / stats['samples']:6.3f}"
                  f" {(stats['importance_beta_f'] - row.exact) / n:10.5f}{collapse:1}"
                  f" {stats['importance_error'] / n:8.5f} {stats['steps']:6d} {row.network.seconds:6.2f}", flush=True)
    print(f"matrix products: {gemm(np.float64):.0f} GFLOP/s in float64, {gemm(np.float32):.0f} in float32")
    for spec, _, _ in CASES:
        samples, flops = rates(statfe.model(spec))
        print(f"{spec:20} {samples:9.0f} samples/s of training, {flops:5.1f} GFLOP/s")


if __name__ == "__main__":
    main()
