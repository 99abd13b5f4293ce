"""The contests of one workload: kernels and peers, one thread and more, energies every sweep and hardly ever."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from statfe.bench.arithmetic import ArithmeticRunner
from statfe.bench.chains import ChainsRunner, Choice, able, automatic, chains, filled
from statfe.bench.large import LargeRunner
from statfe.bench.pairing import Race, Spread, race
from statfe.bench.peers import Peer, PeerRunner
from statfe.bench.records import Benchmark, Rate, Ratio, Share, Skipped
from statfe.bench.workloads import Mode, Workload
from statfe.errors import UsageError
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel

#: So rarely recorded that the recording costs nothing.
HARDLY_EVER = 10_000

#: What can be in a race.
Contender = ChainsRunner | PeerRunner | LargeRunner | ArithmeticRunner


@dataclass
class Bench:
    """What all contests share.

    Attributes
    ----------
    kernels
        Those asked for; empty for the automatic one.
    record
        Gathers what is found.
    tell
        Called with the share done of the contest that runs.
    before
        The last rate of each program over the sizes, which says what the next size will take.
    """

    mode: Mode
    seed: int
    kernels: list[str]
    threads: list[int]
    peers: dict[str, Peer | None]
    record: Benchmark
    tell: Callable[[float], None] | None = None
    before: dict[str, Rate] = field(default_factory=dict)

    def skip(self, workload: str, what: str, reason: str) -> None:
        """Say that something was not timed."""
        self.record.skipped.append(Skipped(workload, what, reason))

    def chains(self, workload: str, model: IsingModel, betas: np.ndarray, choice: Choice, **options: Any,
               ) -> ChainsRunner | None:
        """Chains of ours; None, and said to be skipped, where they cannot be had."""
        try:
            return chains(model, betas, choice, self.seed, **options)
        except UsageError as error:
            self.skip(workload, choice.kernel.name, str(error))
            return None

    def race(self, runners: Sequence[Contender]) -> Race:
        """Time the runners in turns."""
        return race(runners, self.mode.repeats, self.mode.lap, tell=self.tell)


def race_workload(bench: Bench, w: Workload) -> None:
    """Our kernels and the peers in turns, one thread each."""
    model, betas = build_model(w.model), np.array(w.betas)
    made = [bench.chains(w.name, model, betas, choice) for choice in choices(bench, w.name, model, len(betas))]
    ours = [runner for runner in made if runner is not None]
    theirs = []
    for name in w.peers:
        peer = bench.peers.get(name)
        reason = "not installed; install statfe[peers]" if peer is None else peer.obstacle(model)
        if reason or peer is None:
            bench.skip(w.name, name, reason)
        else:
            theirs.append(peer.runner(model, betas, bench.seed))
    if not ours:
        return
    all_of_them: list[Contender] = [*ours, *theirs]
    found = bench.race(all_of_them)
    bench.record.rates += [rate_of(w.name, model.spec, model.n_sites, len(betas), r, found) for r in all_of_them]
    bench.record.ratios += [ratio_of(w.name, "peer", found, a, b) for a in ours for b in theirs]


def choices(bench: Bench, workload: str, model: IsingModel, temperatures: int) -> list[Choice]:
    """The kernels asked for that can hold the model, or the one that kernel=auto takes."""
    if not bench.kernels:
        return [automatic(model, temperatures)]
    found, reasons = able(model, bench.kernels)
    for name, reason in reasons.items():
        bench.skip(workload, name, reason)
    return [filled(model, kernel, temperatures) for kernel in found]


def race_threads(bench: Bench, w: Workload) -> None:
    """The same chains by different numbers of threads; enough replicas that every thread has work."""
    model, betas = build_model(w.model), np.array(w.betas)
    for choice in choices(bench, w.name, model, len(betas)):
        first = _chains_for_threads(bench, w, model, betas, choice)
        if first is None:
            continue
        runners = [first, *(first.with_workers(t, _threads(t)) for t in bench.threads[1:])]
        most = max(bench.threads)
        bare = [ArithmeticRunner(most, t, _threads(t), bench.seed) for t in bench.threads]
        found = bench.race([*runners, *bare])
        bench.record.threads += [rate_of(w.name, model.spec, model.n_sites, len(betas), r, found) for r in runners]
        bench.record.ratios += [ratio_of(w.name, "threads", found, r, first) for r in runners[1:]]
        # What the machine itself gives, measured in the same rounds.
        bench.record.ratios += [ratio_of(w.name, "threads", found, r, bare[0]) for r in bare[1:]]


def _chains_for_threads(bench: Bench, w: Workload, model: IsingModel, betas: np.ndarray,
                        choice: Choice) -> ChainsRunner | None:
    """Chains in at least as many pieces of work as there are threads; None where more replicas give no more of them."""
    most = max(bench.threads)
    for more in (most, 2 * most, 4 * most, 8 * most):
        runner = bench.chains(
            w.name, model, betas, replace(choice, replicas=choice.replicas * more), workers=bench.threads[0],
            label=_threads(bench.threads[0]))
        if runner is None or len(runner.bank.groups) >= most:
            return runner
    bench.skip(w.name, f"{choice.kernel.name}, {_threads(most)}", "its chains make too few independent pieces of work")
    return None


def _threads(number: int) -> str:
    return f"{number} thread{'s' if number > 1 else ''}"


def share_of_measuring(bench: Bench, w: Workload) -> None:
    """The same chains, all at the middle temperature, with energies every sweep and hardly ever."""
    model = build_model(w.model)
    beta = np.array([w.betas[len(w.betas) // 2]])
    for choice in choices(bench, w.name, model, len(w.betas)):
        alone = replace(choice, replicas=choice.replicas * len(w.betas))
        always = bench.chains(w.name, model, beta, alone, label="every sweep")
        never = bench.chains(w.name, model, beta, alone, thin=HARDLY_EVER, label="hardly ever")
        if always is None or never is None:
            continue
        found = bench.race([always, never])
        spread = Spread.of([1.0 - 1.0 / r for r in found.ratios(never.label, always.label)])
        bench.record.measuring.append(Share(w.name, choice.kernel.name, spread.median, spread.low, spread.high))


def rate_of(workload: str, spec: str, n_sites: int, temperatures: int, runner: Contender, found: Race) -> Rate:
    """One row of a table of rates."""
    rate = found.rate(runner.label)
    return Rate(
        workload=workload, model=spec, n_sites=n_sites, program=runner.program, version=runner.version,
        kernel=runner.kernel, sampler=runner.sampler, threads=runner.threads, replicas=runner.replicas,
        temperatures=temperatures, rate=rate.median, rate_low=rate.low, rate_high=rate.high,
        ns_per_flip=found.cost(runner.label).median, seconds=found.seconds[runner.label],
        sweeps=found.sweeps[runner.label], repeats=len(found.ns[runner.label]), set_up=runner.set_up,
        bytes_per_spin=runner.bytes_per_spin, settings=runner.settings)


def ratio_of(workload: str, kind: str, found: Race, fast: Contender, slow: Contender) -> Ratio:
    """How many times as fast one runner was as another, round by round."""
    rounds = found.ratios(fast.label, slow.label)
    spread = Spread.of(rounds)
    return Ratio(workload, kind, fast.kernel, fast.label, slow.label, spread.median, spread.low, spread.high, rounds)
