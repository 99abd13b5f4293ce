"""Cost of an update against the size of the lattice: the critical 2D Ising model, every kernel as far as it can go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from statfe.bench.chains import ChainsRunner, Choice, chains, filled
from statfe.bench.contests import Bench, Contender, rate_of
from statfe.bench.large import NAME, LargeRunner
from statfe.bench.pairing import race
from statfe.bench.workloads import BETA_C, SIDES, SIZES_PEER
from statfe.errors import UsageError
from statfe.models.builders import MAX_BYTES
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.sampling.choice import kernels
from statfe.sampling.memory import SHARE, available_bytes

SIZES = "sizes"
#: Bytes a site while a 2D model is built, and what it takes beside a bank.
MODEL_BYTES = 220.0


@dataclass(frozen=True)
class Maker:
    """What makes a runner; `alike` says whether the sizes before tell how long that takes."""

    name: str
    replicas: int
    make: Callable[[], Contender]
    alike: bool = True


def sides(bench: Bench) -> list[int]:
    """Sides of the lattices that this mode times; the others are said to be left out."""
    fit = [side for side in SIDES if side**2 <= bench.mode.largest]
    if len(fit) < len(SIDES):
        first = SIDES[len(fit)]
        bench.skip(SIZES, f"{first}x{first} and larger",
                   f"too large for the {bench.mode.name} mode; --full goes to 10^8 spins")
    return fit


def time_size(bench: Bench, side: int) -> None:
    """Time every kernel, and a peer, on one lattice."""
    spec, betas = f"ising:shape={side}x{side}", np.array([BETA_C])
    need, room = MODEL_BYTES * side**2, min(SHARE * available_bytes(), MAX_BYTES)
    if need > room:
        reason = f"a list of bonds takes {need / 1e9:.3g} GB, and {room / 1e9:.3g} GB are the most"
        others = "all" if bench.kernels and NAME not in bench.kernels else f"all but {NAME}"
        bench.skip(SIZES, f"{others}, {side}x{side}", reason)
        makers = [] if others == "all" else [_large(bench, side)]
    else:
        model = build_model(spec)
        makers = [*_ours(bench, model, betas), *_peer(bench, model, betas)]
    runners = [runner for maker in makers if (runner := _made(bench, side, maker)) is not None]
    found = race(runners, bench.mode.size_repeats, bench.mode.lap, tell=bench.tell)
    for runner in runners:
        bench.before[runner.label] = rate_of(SIZES, spec, side**2, 1, runner, found)
        bench.record.sizes.append(bench.before[runner.label])


def _made(bench: Bench, side: int, maker: Maker) -> Contender | None:
    """A runner, or None and the reason said."""
    reason = _too_long(bench, maker, side**2)
    if not reason:
        try:
            if maker.name not in bench.before:
                maker.make().advance(1)  # what is compiled now is not counted as setting up
            return maker.make()
        except UsageError as error:
            reason = str(error)
    bench.skip(SIZES, f"{maker.name}, {side}x{side}", reason)
    return None


def _large(bench: Bench, side: int) -> Maker:
    return Maker(f"statfe {NAME}", 1, lambda: LargeRunner(side, BETA_C, bench.seed), alike=False)


def _ours(bench: Bench, model: IsingModel, betas: np.ndarray) -> Sequence[Maker]:
    makers: list[Maker] = []
    for name in bench.kernels or list(kernels()):
        try:
            choice = filled(model, kernels()[name], 1)
        except UsageError as error:
            bench.skip(SIZES, f"statfe {name}, {model.spec.partition('=')[2]}", str(error))
            continue

        def make(choice: Choice = choice) -> ChainsRunner:
            return chains(model, betas, choice, bench.seed)

        makers.append(Maker(f"statfe {name}", choice.replicas, make))
    return makers


def _peer(bench: Bench, model: IsingModel, betas: np.ndarray) -> Sequence[Maker]:
    peer = bench.peers.get(SIZES_PEER)
    if peer is None or peer.obstacle(model):
        return []
    return [Maker(peer.name, 1, lambda: peer.runner(model, betas, bench.seed))]


def _too_long(bench: Bench, maker: Maker, n_sites: int) -> str:
    """Why this size would try the user's patience, by what the size before took; or ""."""
    last = bench.before.get(maker.name)
    if last is None:
        return ""
    replicas = max(maker.replicas, last.replicas)
    growth = n_sites * replicas / (last.n_sites * last.replicas)
    sweep = 1e-9 * last.ns_per_flip * n_sites * replicas
    laps = bench.mode.size_repeats + 2
    seconds = (last.set_up * growth if maker.alike else 0.0) + sweep * laps
    if seconds <= bench.mode.patience:
        return ""
    return (f"setting up {replicas} x {n_sites} spins and sweeping them {laps} times would take about "
            f"{seconds:.0f} s, over the {bench.mode.patience:g} s of this mode")
