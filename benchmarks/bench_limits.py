"""Limits N -> infinity: ground states of SK by steps of broken symmetry, the AT line, and how finite samples approach.

    python -m pytest benchmarks/bench_limits.py -s     the figures asked for
    python benchmarks/bench_limits.py                  the tables
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from scipy.optimize import brentq

import statfe
from statfe.limits.hopfield import retrieves
from statfe.limits.limit import Limit
from statfe.limits.replica_breaking import broken
from statfe.limits.sk import at_field, at_temperature, replica_symmetric

#: Oppermann, Schmidt and Sherrington, Phys. Rev. Lett. 98, 127201 (2007).
GROUND_STATE = -0.7631667
Value = TypeVar("Value")


def timed(function: Callable[[], Value]) -> tuple[Value, float]:
    """What `function` gives, and its seconds."""
    start = time.perf_counter()
    return function(), time.perf_counter() - start


def ground_state(steps: int) -> Limit:
    """SK at T = 0; replica symmetric with 0 steps."""
    return replica_symmetric(math.inf) if steps == 0 else broken("parisi", math.inf, 0.0, steps)


def finite_samples(n: int, beta: float, samples: int) -> tuple[float, float]:
    """Mean of beta f over samples of N spins, enumerated, less that of the limit; and its error."""
    limit = broken("parisi", beta).beta_f
    values = np.array([
        statfe.free_energy(f"sk:n={n},seed={seed}", beta, "enumeration").per_site for seed in range(1, samples + 1)])
    return float(values.mean()) - limit, float(values.std(ddof=1) / math.sqrt(samples))


def largest_load() -> float:
    """Patterns a spin up to which a Hopfield network retrieves at T = 0."""
    return float(brentq(lambda a: 1.0 if retrieves(math.inf, a) else -1.0, 0.12, 0.15, xtol=1e-5))


def test_ground_state_of_sk(figure):
    ground_state(1)  # compiles
    found, seconds = timed(lambda: ground_state(6))
    figure("SK, full breaking: ground-state energy a spin", f"{GROUND_STATE} within 5e-4",
           f"{found.free_energy:.6f} with 6 steps in {seconds:.1f} s")
    assert abs(found.free_energy - GROUND_STATE) < 5e-4


def test_entropy_of_replica_symmetry(figure):
    found = ground_state(0)
    figure("SK, replica symmetric: entropy at T = 0", "-0.159", f"{found.entropy:.6f}")
    assert abs(found.entropy + 1.0 / (2.0 * math.pi)) < 1e-9


def test_the_at_line_is_located(figure):
    for T in (0.5, 0.1):
        h, seconds = timed(lambda T=T: at_field(T))
        figure(f"SK: field of the AT line at T = {T}", "T again to 4 digits",
               f"{h:.6f}; back to T = {at_temperature(h):.8f}, {1e3 * seconds:.0f} ms")
        assert abs(at_temperature(h) - T) < 1e-4 * T


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=60, help="disorder samples of each size")
    parser.add_argument("--steps", type=int, default=10, help="most steps of broken symmetry")
    asked = parser.parse_args()
    ground_state(1)
    print(f"SK at T = 0 (published: {GROUND_STATE})")
    print("steps   energy        error     entropy   seconds")
    for steps in [k for k in (0, 1, 2, 3, 4, 6, 8, 10, 12) if k <= asked.steps]:
        found, seconds = timed(lambda steps=steps: ground_state(steps))
        print(f"{steps:5d}   {found.free_energy:.8f}   {found.free_energy - GROUND_STATE:+.1e}   {found.entropy:+.5f}"
              f"   {seconds:.2f}")
    print("\nSK in no field: f, by 0, 1 and 4 steps; q and stability with 4")
    for T in (0.9, 0.7, 0.5, 0.3, 0.1):
        (rs, one, four), seconds = timed(lambda T=T: (
            replica_symmetric(1 / T), broken("1rsb", 1 / T, 0.0, 1), broken("parisi", 1 / T)))
        print(f"T = {T}:  {rs.free_energy:.8f}  {one.free_energy:.8f}  {four.free_energy:.8f}   q = "
              f"{four.order['q']:.4f}, {four.stability:+.1e}, {seconds:.2f} s")
    print("\nAT line: T, h, and sqrt(4/3 (1 - T)^3)")
    for T in (0.999, 0.99, 0.9, 0.7, 0.5, 0.3, 0.1, 0.02):
        h, seconds = timed(lambda T=T: at_field(T))
        print(f"{T:6.3f}  {h:.8f}  {math.sqrt(4 / 3 * (1 - T) ** 3):.8f}   {1e3 * seconds:.0f} ms")
    print(f"\nSK samples at beta = 2: mean beta f less that of the limit, {asked.samples} samples; times N^(2/3)")
    for n in (8, 12, 16, 20):
        gap, error = finite_samples(n, 2.0, asked.samples)
        print(f"N = {n:3d}   {gap:.4f} +- {error:.4f}   {gap * n ** (2 / 3):.3f} +- {error * n ** (2 / 3):.3f}")
    load, seconds = timed(largest_load)
    print(f"\nHopfield at T = 0: retrieval up to alpha = {load:.4f} (published .138), {seconds:.2f} s")
    found, seconds = timed(lambda: statfe.thermodynamic_limit("random-regular", 1.5, seed=1))
    print(f"+-J, degree 3, beta = 1.5, cavity: beta f = {found.beta_f:.5f} +- {found.beta_f_error:.5f}, growth "
          f"{found.order['growth']:.3f} a generation, {seconds:.2f} s")


if __name__ == "__main__":
    main()
