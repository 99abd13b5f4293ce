"""How fast machines are trained, beside scikit-learn and PyTorch where they are installed (the extra [peers]).

    python -m benchmarks.bench_training_speed [--threads 2] [--rounds 7] [--steps 40] [--case NAME] [--cpu]
                                              [--only SIDE] [--quiet 0.05] [--patience 600]

All sides of a case train for one epoch in turn, round by round, each with the given number of threads; medians over the
rounds, and of the ratios within a round. PyTorch gets the better of its two Adams. The ceiling is that of single
precision products of 1024 x 1024, as many at a time as there are threads. Threads of OpenMP and of OpenBLAS spin for up
to 100 ms before they sleep, so every turn begins after a rest. `cores` are CPU seconds over seconds.

On a machine that others use, threads that wait for each other wait for them: ratios of two threads say little there,
those of --threads 1 --cpu (CPU seconds) do. `nice` helps less than it seems: where the kernel groups processes by
session (sched_autogroup), other sessions get their share of every core however nice they are. --quiet takes turns again
in which other programs had more than that share of the machine (Linux).
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from statfe.blas import one_thread, threads_of_products
from statfe.executors import Crew
from statfe.learned.vae.model import VaeShape
from statfe.learned.vae.training import TrainingOptions, fit_vae
from statfe.machines.train import train_rbm

#: More epochs than any run of this file.
ENDLESS = 10**6
#: Side of the product that measures the ceiling; steps of an epoch.
GEMM, STEPS = 1024, 40
#: Seconds of rest before a turn, and between two looks for a quiet machine.
REST, PAUSE = 0.25, 0.5
MOMENTUM, RATE = 0.5, 0.05


class Machine:
    """What a stretch of time took: seconds, CPU seconds of this process, and the share of the machine others had."""

    def __enter__(self) -> Machine:
        self._begun = time.perf_counter(), time.process_time(), self._busy()
        return self

    def __exit__(self, *_: object) -> None:
        begun, own, all_ = self._begun
        self.seconds, self.own = time.perf_counter() - begun, time.process_time() - own
        self.others = (self._busy() - all_ - self.own) / ((os.cpu_count() or 1) * self.seconds)

    @staticmethod
    def _busy() -> float:
        """CPU seconds of all processes since the machine began: all columns but `idle` and `iowait`."""
        if not os.path.exists("/proc/stat"):
            return math.nan
        with open("/proc/stat", encoding="ascii") as file:
            ticks = [int(word) for word in file.readline().split()[1:9]]
        return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


class Patience:
    """Turns on a machine where others have at most a share `quiet`, while there are `seconds` left to wait."""

    def __init__(self, quiet: float, seconds: float) -> None:
        self._quiet, self._until = quiet, time.monotonic() + seconds

    def turn(self, epoch: Callable[[], object]) -> Machine | None:
        """What an epoch took; None where the time is up."""
        while True:
            time.sleep(REST)
            with Machine() as machine:
                epoch()
            if not machine.others > self._quiet:  # NaN where it is not known
                return machine
            while machine.others > self._quiet:
                if time.monotonic() > self._until:
                    return None
                with Machine() as machine:
                    time.sleep(PAUSE)


class Turns:
    """A training in a thread of its own that goes on by one epoch a call."""

    def __init__(self, train: Callable[[Callable[..., None]], object]) -> None:
        self._go, self._done = threading.Semaphore(0), threading.Semaphore(0)
        threading.Thread(target=train, args=(self._pause,), daemon=True).start()
        self._done.acquire()  # the first epoch compiles kernels

    def _pause(self, *_: object) -> None:
        self._done.release()
        self._go.acquire()

    def __call__(self) -> None:
        self._go.release()
        self._done.acquire()


@dataclass(frozen=True)
class Case:
    """What is trained: `batch` samples a step, `flops` a sample in products."""

    name: str
    batch: int
    flops: float
    sides: Callable[[np.ndarray, int], dict[str, Callable[[], object]]]
    visible: int


def rbm_sides(data: np.ndarray, threads: int) -> dict[str, Callable[[], object]]:
    """CD-1 with momentum, batches of 100, 500 hidden units; scikit-learn's is PCD-1, as many products and draws."""
    def statfe(workers: int) -> Turns:
        return Turns(lambda pause: train_rbm(
            data, hidden=500, algorithm="cd", seed=1, epochs=ENDLESS, likelihood="none", monitor_every=ENDLESS,
            workers=workers, progress=pause))

    sides: dict[str, Callable[[], object]] = {"statfe": statfe(threads)}
    if threads > 1:
        sides["statfe, 1 thread"] = statfe(1)
    floats = data.astype(np.float32)
    with contextlib.suppress(ImportError):
        from sklearn.neural_network import BernoulliRBM

        def sklearn() -> None:
            # its products are those of numpy and scipy; a limit held any longer would be that of statfe's threads too
            with threads_of_products(threads):
                BernoulliRBM(500, batch_size=100, n_iter=1, random_state=1).fit(floats)

        sides["scikit-learn"] = sklearn
    with contextlib.suppress(ImportError):
        sides["PyTorch"] = torch_rbm(floats, threads)
    return sides


def torch_rbm(data: np.ndarray, threads: int) -> Callable[[], object]:
    """The same steps, not centred."""
    import torch

    torch.set_num_threads(threads)
    x = torch.from_numpy(data)
    a, b, W = torch.zeros(784), torch.zeros(500), 0.01 * torch.randn(784, 500)
    speeds = [torch.zeros_like(p) for p in (a, b, W)]

    def epoch() -> None:
        for chosen in torch.randperm(len(x)).split(100):
            v = x[chosen]
            h = torch.sigmoid(torch.addmm(b, v, W))
            shown = torch.bernoulli(torch.sigmoid(torch.addmm(a, torch.bernoulli(h), W.T)))
            hidden = torch.sigmoid(torch.addmm(b, shown, W))
            slopes = v.mean(0) - shown.mean(0), h.mean(0) - hidden.mean(0), (v.T @ h - shown.T @ hidden) / len(v)
            for p, speed, slope in zip((a, b, W), speeds, slopes, strict=True):
                p.add_(speed.mul_(MOMENTUM).add_(slope, alpha=RATE))
    return epoch


def vae_sides(hidden: int, latent: int, data: np.ndarray, threads: int) -> dict[str, Callable[[], object]]:
    """One hidden layer of rectified units each way, batches of 128, Adam."""
    shape = VaeShape(data.shape[1], latent, (hidden,), (hidden,), activation="relu")
    floats = data.astype(np.float32)

    def statfe(workers: int) -> Turns:
        return Turns(lambda pause: fit_vae(
            floats, shape, epochs=ENDLESS, options=TrainingOptions(seed=1), after_epoch=pause, workers=workers))

    sides: dict[str, Callable[[], object]] = {"statfe": statfe(threads)}
    if threads > 1:
        sides["statfe, 1 thread"] = statfe(1)
    with contextlib.suppress(ImportError):
        sides["PyTorch"] = torch_vae(floats, hidden, latent, threads, False)
        sides["PyTorch, fused Adam"] = torch_vae(floats, hidden, latent, threads, True)
    return sides


def torch_vae(data: np.ndarray, hidden: int, latent: int, threads: int, fused: bool) -> Callable[[], object]:
    """The same model and loss, eager, as one writes it."""
    import torch
    from torch import nn
    from torch.nn import functional

    torch.set_num_threads(threads)
    x, visible = torch.from_numpy(data), data.shape[1]
    up = nn.Sequential(nn.Linear(visible, hidden), nn.ReLU(), nn.Linear(hidden, 2 * latent))
    down = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, visible))
    adam = torch.optim.Adam([*up.parameters(), *down.parameters()], 1e-3, fused=fused)

    def epoch() -> None:
        for chosen in torch.randperm(len(x)).split(128):
            rows = x[chosen]
            mean, log_variance = up(rows).split(latent, dim=1)
            z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
            cost = functional.binary_cross_entropy_with_logits(down(z), rows, reduction="sum")
            divergence = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1.0).sum()
            adam.zero_grad()
            ((cost + divergence) / len(rows)).backward()
            adam.step()
    return epoch


def vae_flops(visible: int, hidden: int, latent: int) -> float:
    """Forward, slopes of the weights, and slopes downwards but for those of the data."""
    weights = visible * hidden + 3 * latent * hidden + hidden * visible
    return 2.0 * (3 * weights - visible * hidden)


CASES = (
    Case("rbm-784-500", 100, 2.0 * 5 * 784 * 500, rbm_sides, 784),
    Case("vae-784-400-20", 128, vae_flops(784, 400, 20), lambda *a: vae_sides(400, 20, *a), 784),
    Case("vae-64-64-8", 128, vae_flops(64, 64, 8), lambda *a: vae_sides(64, 8, *a), 64),
)


def ceiling(threads: int) -> float:
    """GFLOP/s of products of one thread each, side by side."""
    rng, crew = np.random.default_rng(0), Crew(threads)
    x, y = (rng.standard_normal((GEMM, GEMM)).astype(np.float32) for _ in range(2))
    out = [np.empty_like(x) for _ in range(threads)]
    best = np.inf
    with one_thread():
        for _ in range(20):
            begun = time.perf_counter()
            crew.run(lambda k: np.dot(x, y, out=out[k % threads]), 2 * threads)
            best = min(best, time.perf_counter() - begun)
    return 2e-9 * 2 * threads * GEMM**3 / best


def run(
    case: Case, threads: int, rounds: int, steps: int, cpu: bool, patience: Patience, only: str | None = None
) -> None:
    """Print the table of a case."""
    steps *= 1 if case.flops > 1e6 else 10
    data = (np.random.default_rng(0).random((steps * case.batch, case.visible)) < 0.2).astype(np.int8)
    sides = {name: side for name, side in case.sides(data, threads).items() if only in (None, name)}
    found: list[dict[str, Machine]] = []
    for k in range(rounds + 1):
        turns = {name: patience.turn(epoch) for name, epoch in sides.items()}
        if k and None not in turns.values():  # the first round warms up
            found.append({name: turn for name, turn in turns.items() if turn})
    print(f"\n{case.name}, batches of {case.batch}, {threads} threads, {len(found)} rounds of {rounds}\n"
          f"{'':22s}{'samples/s':>12s}{'best':>12s}{'GFLOP/s':>9s}{'cores':>7s}{'statfe is faster by':>22s}")
    for name in sides if found else ():
        took = [turns[name].own if cpu else turns[name].seconds for turns in found]
        rate, cores = len(data) / statistics.median(took), statistics.median(
            turns[name].own / turns[name].seconds for turns in found)
        ratio = statistics.median(
            t / (own.own if cpu else own.seconds) for t, own in zip(
                took, (turns["statfe"] for turns in found), strict=True)) if "statfe" in sides else math.nan
        print(f"{name:22s}{rate:12.0f}{len(data) / min(took):12.0f}{1e-9 * rate * case.flops:9.0f}{cores:7.2f}"
              f"{ratio:22.2f}", flush=True)


def main() -> None:
    """Parse, and run the cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=STEPS, help="Of an epoch; ten times as many for small models.")
    parser.add_argument("--cpu", action="store_true", help="Count CPU seconds.")
    parser.add_argument("--case", choices=[case.name for case in CASES])
    parser.add_argument("--only", metavar="SIDE", help="As 'statfe' or 'PyTorch': one side alone.")
    parser.add_argument("--quiet", type=float, default=math.inf, help="Largest share of the machine of others.")
    parser.add_argument("--patience", type=float, default=600.0, help="Seconds to wait for a quiet machine.")
    asked = parser.parse_args()
    patience = Patience(asked.quiet, asked.patience)
    print(f"ceiling of products: {ceiling(asked.threads):.0f} GFLOP/s with {asked.threads} threads, "
          f"{ceiling(1):.0f} with one")
    for case in CASES:
        if asked.case in (None, case.name):
            run(case, asked.threads, asked.rounds, asked.steps, asked.cpu, patience, asked.only)


if __name__ == "__main__":
    main()
