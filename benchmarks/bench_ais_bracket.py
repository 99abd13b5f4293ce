"""The bracket of annealed importance sampling, up and down, on a machine trained on digits whose ln Z is known.

    python -m pytest benchmarks/bench_ais_bracket.py -s            10 brackets
    python benchmarks/bench_ais_bracket.py --runs 100              100 brackets, as a table
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import statfe
from statfe.result import FreeEnergy

MODEL = f"file:{Path(__file__).resolve().parent.parent / 'data' / 'rbm-784x20.h5'}"
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
#: A bracket of one run in the table: short walks, a wide bracket.
SHORT = "reverse-ais:particles=256,sweeps=300"
#: The run whose error is asked for.
LONG = "reverse-ais"


@dataclass(frozen=True)
class Coverage:
    """What N brackets and the estimates in them did; `exact` is beta F."""

    runs: list[FreeEnergy]
    exact: float
    seconds: float

    def _stat(self, name: str) -> np.ndarray:
        return np.array([run.stats[name] for run in self.runs])

    @property
    def contained(self) -> float:
        """Share of the runs with lower bound <= exact <= upper bound."""
        return float(np.mean((self._stat("lower_bound") <= self.exact) & (self.exact <= self._stat("upper_bound"))))

    @property
    def width(self) -> float:
        """Mean width of the bracket."""
        return float(np.mean(self._stat("upper_bound") - self._stat("lower_bound")))

    @property
    def z(self) -> np.ndarray:
        """(estimate - exact) / error of each run."""
        return (self._stat("estimate") - self.exact) / self._stat("estimate_error")

    @property
    def error(self) -> float:
        """Mean error of the estimate."""
        return float(np.mean(self._stat("estimate_error")))


def brackets(count: int, spec: str) -> Coverage:
    """`count` independent brackets."""
    model = statfe.model(MODEL)
    exact = statfe.free_energy(model, 1.0, "bipartite").beta_f
    start = time.perf_counter()
    runs = [statfe.free_energy(model, 1.0, spec, seed, workers=CORES) for seed in range(1, count + 1)]
    return Coverage(runs, exact, (time.perf_counter() - start) / count)


def test_bracket_contains_the_exact_value(figure):
    statfe.free_energy(MODEL, 1.0, "reverse-ais:particles=2,sweeps=2", 1)  # compiles
    found = brackets(10, SHORT)
    figure("RBM 784 x 20: brackets with the exact value, of 10", ">= 95%", f"{found.contained:.0%}")
    figure("RBM 784 x 20: width of the bracket, seconds", "-", f"{found.width:.2f} nat, {found.seconds:.1f} s")
    long = brackets(1, LONG)
    figure("RBM 784 x 20: error of the estimate", "<= 0.1 nat in 30 s", f"{long.error:.3f} nat in {long.seconds:.0f} s")
    assert found.contained >= 0.95
    assert np.abs(long.z).max() < 4


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--spec", default=SHORT)
    asked = parser.parse_args()
    found = brackets(asked.runs, asked.spec)
    z = found.z
    print(f"{asked.spec} on RBM 784 x 20, {asked.runs} runs, {found.seconds:.1f} s each on {CORES} cores")
    print(f"exact beta F               {found.exact:.6f}")
    print(f"brackets that contain it   {found.contained:.1%}")
    print(f"mean width                 {found.width:.3f} nat")
    print(f"mean error of the estimate {found.error:.3f} nat")
    print(f"z of the estimate          mean {z.mean():+.2f}, deviation {z.std(ddof=1):.2f}, "
          f"|z| < 1 in {np.mean(np.abs(z) < 1):.0%}, < 1.96 in {np.mean(np.abs(z) < 1.96):.0%}")
    print(f"converged                  {np.mean([run.status == 'converged' for run in found.runs]):.0%}")


if __name__ == "__main__":
    main()
