"""Restricted Boltzmann machines: likelihoods of digits by training.

    python -m benchmarks.bench_rbm digits [FIGURE.svg]
    python -m benchmarks.bench_rbm tap

They want scikit-learn (the extra [peers]), for the data and the other side; speeds are in `bench_training_speed`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from statfe.datasets.make import digits
from statfe.machines import tap_points
from statfe.machines.course import Course
from statfe.machines.likelihood import equilibrium_free_energy, log_likelihood
from statfe.machines.rbm import Rbm
from statfe.machines.settings import Settings
from statfe.report.figures import write_svg
from statfe.report.styles import COLOURS, LINES, MARKERS
from statfe.report.svg import FAINT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Digits: hidden units, epochs, batch.
HIDDEN, EPOCHS, BATCH = 64, 60, 20
#: Methods for Z of 64 x 64 units: at the end, with a bracket, and along the way.
REFERENCE, LOOK = "reverse-ais:particles=512,sweeps=2000", "ais:particles=128,sweeps=600"
#: Trainings side by side.
WAYS: dict[str, dict[str, Any]] = {
    "cd-1": {"algorithm": "cd"}, "cd-3": {"algorithm": "cd", "steps": 3}, "pcd-1": {}, "pcd-5": {"steps": 5},
    "pt-1": {"algorithm": "pt"}, "tap-2": {"algorithm": "tap", "steps": 3},
    "tap-3": {"algorithm": "tap", "steps": 3, "order": 3},
    "tap-2 from the data": {"algorithm": "tap", "steps": 3, "restart": True},
    "tap-3 from the data": {"algorithm": "tap", "steps": 3, "order": 3, "restart": True}}
APPROXIMATIONS = {"mean field": "mean-field", "TAP-2": "tap", "TAP-3": "plefka:order=3", "Bethe": "bethe"}


def trainings(epochs: int, looks: int) -> dict[str, list[tuple[int, Rbm]]]:
    """Machines of 64 x 64 units by training, at some epochs; scikit-learn's at its best of three rates."""
    data = digits(seed=1)
    at = sorted({round(x) for x in np.geomspace(1, epochs, looks)})
    found = {}
    for name, options in WAYS.items():
        settings = Settings(hidden=HIDDEN, epochs=epochs, batch=BATCH, rate_decay=0.97, **options)
        course, kept = Course(data.train, settings.checked(*data.train.shape), 1), []
        for epoch in range(1, epochs + 1):
            assert course.epoch()
            if epoch in at:
                kept.append((epoch, course.machine(name)))
        found[name] = kept
    try:
        from sklearn.neural_network import BernoulliRBM
    except ImportError:
        print("scikit-learn is not installed: no other side")
        return found
    for rate in (0.1, 0.05, 0.02):
        # one call of fit a look: with the same seed each goes the way of the last, and farther
        peers = [(epoch, BernoulliRBM(HIDDEN, learning_rate=rate, batch_size=BATCH, n_iter=epoch, random_state=1).fit(
            data.train)) for epoch in at]
        found[f"scikit-learn, rate {rate:g}"] = [
            (epoch, Rbm(peer.intercept_visible_, peer.intercept_hidden_, peer.components_.T)) for epoch, peer in peers]
    return found


def digit_machines(output: str = "") -> None:
    """Digits, 64 x 64: test log-likelihood by epoch, its bracket at the end, and a figure where `output` names one."""
    test = digits(seed=1).test.astype(float)
    curves: dict[str, list[tuple[int, float, float]]] = {}
    print("| training | <ln p> of the test data | bracket | pseudo-likelihood | largest singular value |\n"
          "| --- | --- | --- | --- | --- |")
    for name, machines in trainings(EPOCHS, 9).items():
        curves[name] = []
        for epoch, machine in machines:
            found = log_likelihood(machine, test, LOOK, seed=1)
            curves[name].append((epoch, found.mean, found.error))
        last = machines[-1][1]
        both = equilibrium_free_energy(last, REFERENCE, seed=1)
        clamped = float(last.clamped_free_energy(test).mean())
        s = both.stats
        print(f"| {name} | {both.beta_f - clamped:.3f} +- {both.beta_f_error:.3f} ({both.status}) | "
              f"{s['lower_bound'] - clamped:.3f} to {s['upper_bound'] - clamped:.3f} | "
              f"{last.log_pseudo_likelihood(test).mean():.3f} | {np.linalg.norm(last.weights, 2):.1f} |", flush=True)
    errors = errors_along_training()
    if output:
        write_svg(output, lambda: _draw(curves, errors))


def errors_along_training() -> dict[str, list[tuple[int, float]]]:
    """Error of approximations of F_eq along the training of a 64 x 16 machine, whose ln Z is exact, as a table."""
    data = digits(seed=1)
    course = Course(data.train, Settings(hidden=16, epochs=EPOCHS, batch=BATCH).checked(*data.train.shape), 1)
    found: dict[str, list[tuple[int, float]]] = {name: [] for name in APPROXIMATIONS}
    print("\n| epoch | -ln Z | " + " | ".join(APPROXIMATIONS) + " | cd's: mean clamped F after one step |")
    print("| --- | --- |" + " --- |" * (len(APPROXIMATIONS) + 1))
    at = sorted({round(x) for x in np.geomspace(1, EPOCHS, 10)})
    for epoch in range(1, EPOCHS + 1):
        assert course.epoch()
        if epoch not in at:
            continue
        machine = course.machine()
        exact = equilibrium_free_energy(machine, "bipartite").beta_f
        cells = []
        for name, spec in APPROXIMATIONS.items():
            value = equilibrium_free_energy(machine, spec, seed=1)
            found[name].append((epoch, value.beta_f - exact))
            cells.append(f"{value.beta_f - exact:+.3f}" + ("" if value.status == "converged" else " *"))
        rng = np.random.default_rng(epoch)
        v = data.train.astype(float)
        h = rng.random((len(v), 16)) < machine.hidden_means(v)
        again = (rng.random(v.shape) < machine.visible_means(h)).astype(float)
        point = float(machine.clamped_free_energy(again).mean())
        print(f"| {epoch} | {exact:.3f} | " + " | ".join(cells) + f" | {point - exact:+.3f} |", flush=True)
    print("\n\\* not converged, by its own status")
    return found


def _draw(curves: dict[str, list[tuple[int, float, float]]], errors: dict[str, list[tuple[int, float]]]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.8, 4.2))
    left, right = figure.subplots(1, 2)
    peers = {name: curve[-1][1] for name, curve in curves.items() if name.startswith("scikit")}
    best = max(peers, key=lambda name: peers[name], default="")
    shown = {name: curve for name, curve in curves.items() if name == best or name not in peers}
    for number, (name, curve) in enumerate(shown.items()):
        epochs, means, _ = zip(*curve, strict=True)
        left.plot(epochs, means, color=FAINT if name == best else COLOURS[number % len(COLOURS)],
                  marker=MARKERS[number], markersize=4, linestyle=LINES[number // len(COLOURS)], label=name)
    left.set_ylim(max(-24.0, min(curve[0][1] for curve in shown.values())), None)
    left.set_xscale("log")
    left.set_xlabel("epoch")
    left.set_title("test log-likelihood, digits, 64 x 64 (nat)")
    left.legend(loc="upper left", fontsize=7.5, ncols=2)
    for number, (name, pairs) in enumerate(errors.items()):
        epochs, off = zip(*pairs, strict=True)
        right.plot(epochs, off, color=COLOURS[number], marker=MARKERS[number], markersize=4, label=name)
    right.axhline(0.0, color=FAINT, linewidth=1.0)
    right.set_xscale("log")
    right.set_yscale("symlog", linthresh=0.1)
    right.set_xlabel("epoch of pcd")
    right.set_title("F less exact, machine of 64 x 16 (nat)")
    right.legend(loc="best", fontsize=8)
    figure.tight_layout()
    return figure


def tap_settings() -> None:
    """What could be missing in TAP training: points, iterations, damping, decay, rate, starts from the data."""
    data, usual = digits(seed=1), tap_points.DAMPING
    test = data.test.astype(float)
    many: dict[str, Any] = {"chains": 200}
    tried: list[tuple[float, dict[str, Any]]] = [
        (usual, {}), (usual, many), (1.0, many), (usual, many | {"decay": 1e-3}), (usual, many | {"decay": 5e-3}),
        (usual, many | {"steps": 10}), (usual, many | {"order": 3}), (usual, many | {"rate": 0.02}),
        (1.0, {"steps": 10}), *((usual, {"restart": True, "steps": k}) for k in (1, 2, 3, 10, 30)),
        (1.0, {"restart": True})]
    for damping, options in tried:
        tap_points.DAMPING = damping
        settings = Settings(hidden=HIDDEN, epochs=EPOCHS, batch=BATCH, rate_decay=0.97,
                            **{"algorithm": "tap", "steps": 3, **options})
        course = Course(data.train, settings.checked(*data.train.shape), 1)
        while course.epochs < EPOCHS:
            assert course.epoch()
        found = log_likelihood(course.machine(), test, LOOK, seed=1)
        print(f"share of the new value {damping:g}, {options}: {found.mean:.3f} +- {found.error:.3f}", flush=True)
    tap_points.DAMPING = usual


if __name__ == "__main__":
    {"digits": digit_machines, "tap": tap_settings}[sys.argv[1]](*sys.argv[2:])
