"""Annealed importance sampling on restricted Boltzmann machines of 784 x 20 units whose ln Z is known.

    python -m benchmarks.bench_rbm_machines [--random 200] [--trained 20] [--digits FOLDER] [-o ROWS.csv]
        [--figure FIGURE.svg] [--finished]

Random machines have normal biases of deviation 1/2 and normal weights whose deviation goes from 0.02 to 0.2. Trained
ones learn by contrastive divergence and by its persistent form, in turn, for 5 to 20 epochs, from the images of FOLDER
(see `benchmarks.make_rbm_784`); without it from scikit-learn's digits made 28 pixels wide, and without that from lines
in noise. The exact value is a sum over the 2^20 states of the hidden layer; every tenth is checked by the method
``bipartite``, which shares no code with it. Each machine gets `AIS` and the bracket of `BRACKET`,
whose ends are drawn out by two of their errors.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import scipy.ndimage
from scipy.special import logsumexp

from benchmarks.make_rbm_784 import read_digits
from statfe.annealed.bracket import WIDEN
from statfe.annealed.layers import layers_of, listed_log_weights
from statfe.datasets.make import digits
from statfe.errors import UsageError
from statfe.machines.rbm import Rbm
from statfe.machines.train import train_rbm
from statfe.registry import run_method
from statfe.report.figures import write_svg
from statfe.report.styles import COLOURS
from statfe.report.svg import FAINT

VISIBLE, HIDDEN, SIDE = 784, 20, 28
#: Smallest and largest deviation of random weights.
SCALES, GOLDEN = (0.02, 0.2), 0.6180339887498949
AIS, BRACKET = "ais", "reverse-ais:particles=256,sweeps=500"
#: Trained machines: images and epochs in turn.
IMAGES, EPOCHS = 4000, (5, 10, 20)
#: One machine of so many is checked by another exact method.
CHECKED = 10
COLUMNS = ("machine", "exact", "ais", "ais_error", "ais_status", "ais_seconds", "lower", "lower_error", "upper",
           "upper_error", "bennett", "bennett_error", "bennett_status", "length", "effective", "k_hat", "skew")


def images(folder: Path | None) -> tuple[str, np.ndarray]:
    """What they are, and 784 units each, 0 or 1."""
    if folder is not None:
        found = read_digits(folder)
        return "MNIST digits", np.random.default_rng(0).permutation(found)[:IMAGES].astype(np.int8)
    try:
        small = digits(test_fraction=0.0, seed=0, binarise="threshold").train.reshape(-1, 8, 8)
    except UsageError:
        rng = np.random.default_rng(0)
        lines = rng.random((10, VISIBLE)) < 0.3
        return "lines in noise", (lines[rng.integers(0, 10, IMAGES)] ^ (rng.random((IMAGES, VISIBLE)) < 0.05)).astype(
            np.int8)
    large = scipy.ndimage.zoom(small.astype(float), (1, SIDE / 8, SIDE / 8), order=1)
    return "scikit-learn digits, enlarged", (large.reshape(len(large), -1) > 0.5).astype(np.int8)


def random_machines(count: int) -> Iterator[tuple[str, Callable[[], Rbm]]]:
    """Weights of all sizes, in an order of which every beginning covers the range: multiples of the golden ratio."""

    def machine(number: int, scale: float) -> Rbm:
        rng = np.random.default_rng((1, number))
        return Rbm(rng.normal(0.0, 0.5, VISIBLE), rng.normal(0.0, 0.5, HIDDEN),
                   rng.normal(0.0, scale, (VISIBLE, HIDDEN)), f"random-{number}")

    for number in range(count):
        scale = SCALES[0] * (SCALES[1] / SCALES[0]) ** ((number + 0.5) * GOLDEN % 1.0)
        yield f"random, deviation {scale:.3f}", partial(machine, number, scale)


def trained_machines(count: int, folder: Path | None) -> Iterator[tuple[str, Callable[[], Rbm]]]:
    """Contrastive divergence and its persistent form in turn."""
    source, data = images(folder)

    def machine(number: int, algorithm: str, epochs: int) -> Rbm:
        return train_rbm(data, hidden=HIDDEN, epochs=epochs, algorithm=algorithm, seed=number, likelihood="none",
                         monitor_every=epochs).machine

    for number in range(count):
        algorithm, epochs = ("cd", "pcd")[number % 2], EPOCHS[number // 2 % len(EPOCHS)]
        yield f"{source}, {algorithm}, {epochs} epochs", partial(machine, number, algorithm, epochs)


def judged(name: str, machine: Rbm, seed: int, check: bool) -> dict[str, str | float]:
    """One row of `COLUMNS`."""
    model = machine.ising()
    layers = layers_of(model)
    assert layers is not None
    exact = model.offset - float(logsumexp(listed_log_weights(layers, 1.0)))
    one = np.array([1.0])
    if check:
        other = run_method(model, one, "bipartite")[0].beta_f
        assert abs(other - exact) < 1e-9 * abs(exact), (other, exact)
    begun = time.process_time()
    ais = run_method(model, one, AIS, seed=seed)[0]
    seconds = time.process_time() - begun
    both = run_method(model, one, BRACKET, seed=seed + 10_000)[0]
    s = both.stats
    return dict(zip(COLUMNS, (
        name, exact, ais.beta_f, ais.beta_f_error, ais.status, seconds,
        s["lower_bound"], s["lower_bound_error"], s["upper_bound"],
        s["upper_bound_error"], s["estimate"], s["estimate_error"], both.status,
        s["thermodynamic_length"], *(ais.stats[name] for name in ("effective", "k_hat", "skew"))), strict=True))


def summary(rows: list[dict[str, str | float]]) -> str:
    """A table in markdown, random and trained machines apart."""
    lines = ["| machines | AIS within 4 sigma | rms of sigmas, largest | error of AIS: median, largest (nat) | "
             "CPU seconds: median, largest | not converged | exact value in the bracket | between its bare ends | "
             "Bennett within 4 sigma | width: median, largest |",
             "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    for kind, some in (("random", [r for r in rows if str(r["machine"]).startswith("random")]),
                       ("trained", [r for r in rows if not str(r["machine"]).startswith("random")])):
        if not some:
            continue
        col = {c: np.array([float(r[c]) for r in some]) for c in COLUMNS if c not in (
            "machine", "ais_status", "bennett_status")}
        z = (col["ais"] - col["exact"]) / col["ais_error"]
        bare = (col["lower"] <= col["exact"]) & (col["exact"] <= col["upper"])
        low, high = col["lower"] - WIDEN * col["lower_error"], col["upper"] + WIDEN * col["upper_error"]
        inside = (low <= col["exact"]) & (col["exact"] <= high)
        bennett = np.abs(col["bennett"] - col["exact"]) < 4 * col["bennett_error"]
        bad = sum(r["ais_status"] != "converged" for r in some)
        lines.append(
            f"| {len(some)} {kind} | {np.sum(np.abs(z) < 4)} | {np.sqrt(np.mean(z**2)):.2f}, {np.abs(z).max():.2f} | "
            f"{np.median(col['ais_error']):.3f}, {col['ais_error'].max():.3f} | {np.median(col['ais_seconds']):.1f}, "
            f"{col['ais_seconds'].max():.1f} | {bad} | {inside.mean():.1%} | {bare.mean():.1%} | "
            f"{np.sum(bennett)} | {np.median(high - low):.3f}, {np.max(high - low):.2f} |")
    return "\n".join(lines)


def draw(rows: list[dict[str, str | float]]):
    """Scores of AIS, and both sides of the bracket, against the thermodynamic length of the path."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 3.9))
    left, right = figure.subplots(1, 2)
    for kind, colour, marker in (("random", COLOURS[0], "o"), ("trained", COLOURS[1], "s")):
        some = [r for r in rows if str(r["machine"]).startswith("random") == (kind == "random")]
        if not some:
            continue
        get = {c: np.array([float(r[c]) for r in some]) for c in (
            "length", "exact", "ais", "ais_error", "lower", "lower_error", "upper", "upper_error")}
        good = np.array([r["ais_status"] == "converged" for r in some])
        z = (get["ais"] - get["exact"]) / get["ais_error"]
        left.plot(get["length"][good], z[good], marker, color=colour, markersize=4,
                  label=f"{kind}, {len(some)} machines")
        left.plot(get["length"][~good], z[~good], marker, color=colour, markersize=4, markerfacecolor="none")
        high = get["upper"] + WIDEN * get["upper_error"] - get["exact"]
        low = get["lower"] - WIDEN * get["lower_error"] - get["exact"]
        right.plot(get["length"], high, marker, color=colour, markersize=3.5)
        right.plot(get["length"], low, marker, color=colour, markersize=3.5, markerfacecolor="none")
    for height in (-4, 4):
        left.axhline(height, color=FAINT, linestyle="--", linewidth=1.0)
    left.set_ylim(-6.5, 5)
    left.set_title("AIS less exact, in its errors")
    left.legend(loc="lower left")
    right.axhline(0.0, color=FAINT, linewidth=1.0)
    right.set_yscale("symlog", linthresh=0.01)
    right.set_title("both ends of the bracket less exact (nat)")
    for axes in (left, right):
        axes.set_xlabel("thermodynamic length of the path")
    figure.tight_layout()
    return figure


def main() -> None:
    """Run, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--random", type=int, default=200)
    parser.add_argument("--trained", type=int, default=20)
    parser.add_argument("--digits", type=Path)
    parser.add_argument("-o", "--output", type=Path, help="rows as text; those that it has are not made again")
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--finished", action="store_true", help="print and draw the rows that there are")
    asked = parser.parse_args()
    rows: list[dict[str, str | float]] = []
    if asked.output is not None and asked.output.exists():
        with asked.output.open(newline="") as file:
            rows = list(csv.DictReader(file))
    number = 0
    for machines in (trained_machines(asked.trained, asked.digits), random_machines(asked.random)):
        for name, machine in machines:
            number += 1
            if number <= len(rows) or asked.finished:
                continue
            row = judged(name, machine(), number, number % CHECKED == 0)
            rows.append(row)
            if asked.output is not None:
                with asked.output.open("a", newline="") as file:
                    writer = csv.DictWriter(file, COLUMNS)
                    if len(rows) == 1:
                        writer.writeheader()
                    writer.writerow(row)
            print(f"{number:3d}  {name:40s} exact {row['exact']:.4f}  "
                  f"ais {float(row['ais']) - float(row['exact']):+.4f} "
                  f"+- {float(row['ais_error']):.4f} {row['ais_status']}, {float(row['ais_seconds']):.1f} s, bracket "
                  f"{float(row['lower']) - float(row['exact']):+.3f} {float(row['upper']) - float(row['exact']):+.3f}",
                  flush=True)
    print(summary(rows))
    if asked.figure is not None:
        write_svg(asked.figure, lambda: draw(rows))


if __name__ == "__main__":
    main()
