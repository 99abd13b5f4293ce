"""Restricted Boltzmann machines: samples a second beside scikit-learn, likelihoods of digits, AIS beside exact values.

    python -m benchmarks.bench_rbm speed|digits|ais

The first two want scikit-learn (the extra [peers]) for the other side. Threads are those of the BLAS: set
OPENBLAS_NUM_THREADS for both sides alike.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from statfe.datasets.make import digits
from statfe.machines.course import Course
from statfe.machines.likelihood import equilibrium_free_energy, log_likelihood
from statfe.machines.rbm import Rbm
from statfe.machines.settings import Settings
from statfe.machines.train import train_rbm

#: Digits: hidden units, epochs, batch.
HIDDEN, EPOCHS, BATCH = 64, 60, 20
#: Method for Z where the smaller layer has more than 26 units.
REFERENCE = "ais:particles=256,sweeps=2000"


def speed(rounds: int = 5) -> None:
    """784 x 500, batches of 100, one epoch of 6,000 samples: the best of a few rounds, turn by turn."""
    data = (np.random.default_rng(0).random((6000, 784)) < 0.2).astype(np.int8)
    sides = {}
    for name, options in (("statfe cd-1", {"algorithm": "cd"}), ("statfe pcd-1", {}), (
            "statfe tap-3", {"algorithm": "tap", "steps": 3})):
        course = Course(data, Settings(hidden=500, **options).checked(*data.shape), 1)
        sides[name] = course.epoch
    try:
        from sklearn.neural_network import BernoulliRBM
    except ImportError:
        print("scikit-learn is not installed: no other side")
    else:
        floats = data.astype(np.float32)
        sides["scikit-learn pcd-1"] = lambda: BernoulliRBM(500, batch_size=100, n_iter=1, random_state=1).fit(floats)
    best = dict.fromkeys(sides, 0.0)
    for _ in range(rounds):
        for name, epoch in sides.items():
            begun = time.perf_counter()
            epoch()
            best[name] = max(best[name], len(data) / (time.perf_counter() - begun))
    for name, rate in best.items():
        print(f"{name:20s} {rate:10.0f} samples/s")


def digit_machines() -> None:
    """Digits, 64 x 64: test log-likelihood at equal epochs."""
    data = digits(seed=1)
    test = data.test.astype(float)
    for name, options in {
            "cd-1": {"algorithm": "cd"}, "pcd-1": {}, "pcd-5": {"steps": 5}, "pt-1": {"algorithm": "pt"},
            "tap-2": {"algorithm": "tap", "steps": 3}, "tap-3": {"algorithm": "tap", "steps": 3, "order": 3}}.items():
        found = train_rbm(data, hidden=HIDDEN, epochs=EPOCHS, batch=BATCH, seed=1, likelihood="none",
                          monitor_every=EPOCHS, rate_decay=0.97, **options)
        _say(name, found.machine, test, found.seconds, found.status)
    from sklearn.neural_network import BernoulliRBM

    for rate in (0.1, 0.05, 0.02):
        begun = time.perf_counter()
        peer = BernoulliRBM(HIDDEN, learning_rate=rate, batch_size=BATCH, n_iter=EPOCHS, random_state=1).fit(data.train)
        machine = Rbm(peer.intercept_visible_, peer.intercept_hidden_, peer.components_.T)
        _say(f"scikit-learn, rate {rate:g}", machine, test, time.perf_counter() - begun, "")


def _say(name: str, machine: Rbm, test: np.ndarray, seconds: float, status: str) -> None:
    found = log_likelihood(machine, test, REFERENCE, seed=1, workers=2)
    print(f"{name:24s} <ln p> test {found.mean:9.3f} +- {found.error:.3f} ({found.status}), pseudo "
          f"{machine.log_pseudo_likelihood(test).mean():8.3f}, {seconds:6.2f} s {status}", flush=True)


def ais_beside_exact(count: int = 20) -> None:
    """Trained 784 x 20 machines: AIS and the exact value."""
    rng = np.random.default_rng(1)
    for number in range(count):
        lines = rng.random((10, 784)) < 0.3
        data = (lines[rng.integers(0, 10, 1000)] ^ (rng.random((1000, 784)) < 0.05)).astype(float)
        machine = train_rbm(data, hidden=20, epochs=10, seed=number, likelihood="none", monitor_every=10).machine
        exact = equilibrium_free_energy(machine, "bipartite").beta_f
        begun = time.perf_counter()
        found = equilibrium_free_energy(machine, "ais:start=product", seed=number, workers=2)
        print(f"{number:3d}  exact {exact:12.4f}  ais {found.beta_f - exact:+8.4f} +- {found.beta_f_error:.4f} "
              f"{found.status}, {time.perf_counter() - begun:.1f} s", flush=True)


if __name__ == "__main__":
    {"speed": speed, "digits": digit_machines, "ais": ais_beside_exact}[sys.argv[1]]()
