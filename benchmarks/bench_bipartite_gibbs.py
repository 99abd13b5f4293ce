"""Gibbs sampling of machines, layer by layer: nanoseconds a unit of the lanes, of the plain sampler, and of products.

    python -m benchmarks.bench_bipartite_gibbs

Sites in order visit the visible layer and then the hidden one, so every kernel here makes the same step. `layers` draws
whole layers of all chains from products of matrices, as trainings do; one thread each.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from statfe.blas import one_thread
from statfe.machines.gibbs import Units
from statfe.models.catalogue import build_model
from statfe.sampling.bank import Block
from statfe.sampling.choice import get_kernel
from statfe.sampling.ladder import requested_only
from statfe.sampling.plan import Plan
from statfe.sampling.samplers import make_sampler

SIZES = ((64, 64, 40), (784, 500, 4))
CHAINS = (64, 256)


def kernel_sweeps(kernel: str, n_visible: int, n_hidden: int, chains: int, sweeps: int) -> Callable[[], None]:
    """What advances a bank by `sweeps` sweeps."""
    model = build_model(f"rbm:visible={n_visible},hidden={n_hidden},scale=0.05,seed=1")
    sampler = make_sampler(f"gibbs:kernel={kernel},burn_in=0,schedule=tempering")
    plan = Plan(requested_only(np.array([1.0])), sampler, "tempering", kernel, sweeps, 0, 1, chains, 1)
    bank = get_kernel(kernel).make(model, plan)
    energy, magnetization = np.empty((chains, sweeps, 1)), np.empty((chains, sweeps, 1), np.int32)

    def run() -> None:
        for group in range(len(bank.groups)):
            bank.advance(group, Block(None, 0, sweeps, None), energy, magnetization)

    return run


def layer_sweeps(dtype: type, n_visible: int, n_hidden: int, chains: int, sweeps: int) -> Callable[[], None]:
    """What draws both layers `sweeps` times by products of matrices."""
    units = Units(dtype, 1)
    W = (0.05 * np.random.default_rng(0).normal(size=(n_visible, n_hidden))).astype(dtype)
    a, b, h = np.zeros(n_visible, dtype), np.zeros(n_hidden, dtype), np.zeros((chains, n_hidden), dtype)

    def run() -> None:
        for _ in range(sweeps):
            v = units.draw_visible(h @ W.T, a)
            h[:] = units.draw(units.probabilities(v @ W, b))

    return run


def main(rounds: int = 5) -> None:
    """The best of a few rounds, turn by turn."""
    for n_visible, n_hidden, sweeps in SIZES:
        for chains in CHAINS:
            size = (n_visible, n_hidden, chains, sweeps)
            sides = {name: kernel_sweeps(name, *size) for name in ("float-lane", "dense", "scalar")}
            sides |= {f"layers {t.__name__}": layer_sweeps(t, *size) for t in (np.float32, np.float64)}
            best = dict.fromkeys(sides, np.inf)
            with one_thread():
                for _ in range(rounds):
                    for name, run in sides.items():
                        begun = time.perf_counter()
                        run()
                        best[name] = min(best[name], time.perf_counter() - begun)
            units = chains * sweeps * (n_visible + n_hidden)
            print(f"{n_visible} x {n_hidden}, {chains} chains: " + ", ".join(
                f"{name} {1e9 * seconds / units:.3g}" for name, seconds in best.items()) + " ns a unit", flush=True)


if __name__ == "__main__":
    main()
