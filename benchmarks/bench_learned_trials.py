"""Learned trials of spin models beside each other: bound, corrected value, its error, effective samples, seconds.

    python -m pytest benchmarks/bench_learned_trials.py -s     a small glass only
    python benchmarks/bench_learned_trials.py                  the table
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

import statfe
from statfe.registry import run_method
from statfe.result import FreeEnergy

#: (model, exact method, betas).
CASES = (
    ("ising:shape=16x16", "kaufman", (0.3, 0.44, 0.6)),
    ("sk:n=20,seed=1", "enumeration", (0.3, 1.0)),
    ("hopfield:n=24,patterns=2,seed=1", "enumeration", (0.8, 1.5)),
    ("ea:shape=8x8,seed=1", "transfer-matrix", (0.5, 1.0)),
)
TRIALS = ("vae-trial", "rbm-trial", "autoregressive")


@dataclass(frozen=True)
class Row:
    """One trial on one model at one beta."""

    trial: str
    beta: float
    exact: float
    found: FreeEnergy

    @property
    def gap(self) -> float:
        """Bound less exact beta F, a site."""
        return float(self.found.stats["bound"] - self.exact) / self.found.n_sites

    @property
    def off(self) -> float:
        """Corrected value less exact beta F."""
        return float(self.found.stats["importance_beta_f"]) - self.exact


def rows(spec: str, exact: str, betas: tuple[float, ...], trials: tuple[str, ...] = TRIALS, seed: int = 1) -> list[Row]:
    """All trials on a model, corrected by importance."""
    model, grid = statfe.model(spec), np.array(betas)
    truth = run_method(model, grid, exact)
    return [
        Row(trial, float(beta), t.beta_f, found)
        for trial in trials
        for beta, t, found in zip(
            grid, truth, run_method(model, grid, f"{trial}:correction=importance", seed=seed), strict=True)]


def test_bounds_hold_and_corrections_agree(figure):
    for row in rows("ea:shape=5x5,seed=1", "transfer-matrix", (0.7,)):
        stats = row.found.stats
        figure(f"5x5 glass, beta 0.7: gap a site of {row.trial}", "above 0", f"{row.gap:.4f}")
        assert row.gap * 25 > -4.0 * stats["bound_error"]
        assert row.found.status != "converged" or abs(row.off) < 5.0 * row.found.beta_f_error


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    seed = parser.parse_args().seed
    print("gap: (bound - exact) / N; off: corrected - exact, with its error; *: the correction says not to be trusted")
    print(f"{'model':32} {'beta':>5} {'trial':15} {'exact':>11} {'bound':>11} {'gap':>8} {'error':>8} {'off':>8} "
          f"{'error':>7} {'ESS':>6} {'drift':>6} {'s':>6}")
    for spec, exact, betas in CASES:
        for row in sorted(rows(spec, exact, betas, seed=seed), key=lambda r: r.beta):
            stats, n = row.found.stats, row.found.n_sites
            print(f"{spec:32} {row.beta:5.2f} {row.trial:15} {row.exact:11.4f} {stats['bound']:11.4f} {row.gap:8.5f} "
                  f"{stats['bound_error'] / n:8.5f} {row.off:8.4f}{'*' if row.found.status != 'converged' else ' '}"
                  f"{stats['importance_error']:7.4f} {stats['effective_samples'] / stats['samples']:6.3f} "
                  f"{stats.get('drift_sigmas', 0.0):6.1f} {row.found.seconds:6.2f}", flush=True)


if __name__ == "__main__":
    main()
