"""Latent need of Lorenz 1996 with 40 sites against its Kaplan-Yorke dimension.

    python -m benchmarks.bench_attractors_lorenz96 [--forcings 3 4 8] [--work FOLDER] [--seed 1] [--docs docs]

The states have noise of a tenth of their size, and the decoder has the same, held: all forcings are seen at one
resolution. A network is trained for each number of latent units; the need is the fewest whose bound on -ln p(x) of
held-back states is within `NATS` of the lowest, so that a circle cut open, which one number can follow but at the cut,
needs two. Probabilistic principal components with the same noise (Tipping and Bishop, J. R. Stat. Soc. B 61, 611
(1999)) are a network without curves: their bound is exact, and their need by the same criterion. The Kaplan-Yorke
dimension is that of tangent vectors along the same trajectory, as waves of other lengths may live beside it. The table
goes to the standard output in markdown, and with --docs to a folder with the figure. What is in --work already is not
made again.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import statfe
from statfe.attractors.generate import generate
from statfe.datasets.rows import survey
from statfe.datasets.trajectory_rows import open_trajectories
from statfe.learned.vae.latent_search import validation_bounds
from statfe.learned.vae.model import NOISE, Vae, VaeShape
from statfe.learned.vae.standard import standard_of
from statfe.learned.vae.training import TrainingOptions, fit_vae
from statfe.report.figures import write_svg
from statfe.report.styles import COLOURS, MARKERS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SITES, FORCINGS, SAMPLES, TRANSIENT = 40, (3.0, 4.0, 4.25, 5.0, 8.0), 20_000, 1000.0
SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 40)
RESOLUTION, LAYERS, EPOCHS = 0.1, (128, 128), 40
#: Above the lowest bound that is as good, nats a state.
NATS = 1.0
#: ln of a variance that adds nothing to the floor of the decoder's noise.
NOTHING = -60.0
GREY = "#6b6f76"


@dataclass
class Need:
    """Lorenz 1996 at one forcing.

    Attributes
    ----------
    bounds, linear
        Mean bound on -ln p(x) of held-back states by `SIZES`, and by principal components 0 to all; nats.
    errors
        Root mean square error of decoded states against those without noise, over the resolution, by `SIZES`.
    """

    forcing: float
    dimension: float
    dimension_error: float
    bounds: list[float]
    errors: list[float]
    linear: list[float]

    @property
    def units(self) -> int:
        """Latent units needed."""
        return SIZES[int(np.argmax(np.array(self.bounds) <= min(self.bounds) + NATS))]

    @property
    def axes(self) -> int:
        """Principal components needed."""
        return int(np.argmax(np.array(self.linear) <= min(self.linear) + NATS))


def network_of(train: np.ndarray, latent: int, seed: int) -> Vae:
    """Of so many latent units, with the noise of its decoder held."""
    shape = VaeShape(SITES, latent, LAYERS, LAYERS[::-1], "gaussian", "tanh", RESOLUTION**2)
    options = TrainingOptions(rate=2e-3, rate_decay=0.01 ** (1 / EPOCHS), seed=seed)
    fresh = fit_vae(train, shape, epochs=0, options=options)
    fresh.vae.arrays[NOISE][:] = NOTHING
    return fit_vae(train, epochs=EPOCHS, start=fresh).vae


def linear_bounds(train: np.ndarray, test: np.ndarray) -> list[float]:
    """-ln p of held-back states for 0 to all components, noise held; the variances of the training, exact for those."""
    variances, axes = np.linalg.eigh(np.cov(train.T))
    order, noise = np.argsort(-variances), RESOLUTION**2
    model = np.maximum(variances[order], noise)
    along = np.mean(((test - train.mean(axis=0)) @ axes[:, order]) ** 2, axis=0)
    each = 0.5 * (np.log(2.0 * math.pi * model) + along / model)
    without = 0.5 * (math.log(2.0 * math.pi * noise) + along / noise)
    return [float(each[:k].sum() + without[k:].sum()) for k in range(SITES + 1)]


def dimension_of(path: Path, seed: int) -> tuple[float, float]:
    """Kaplan-Yorke dimension along the trajectory, with its error."""
    kept = path.with_name(f"{path.stem}-dimension.json")
    if not kept.exists():
        found = statfe.invariants(path, quantities=("exponents",), seed=seed).scalar("kaplan_yorke")
        kept.write_text(json.dumps([float(found.value), float(found.error)]), encoding="utf-8")
    value, error = json.loads(kept.read_text("utf-8"))
    return float(value), float(error)


def need_of(forcing: float, work: Path, seed: int) -> Need:
    """All sizes at one forcing."""
    path, kept = work / f"lorenz96-{forcing:g}.h5", work / f"lorenz96-{forcing:g}-need.json"
    if kept.exists():
        return Need(**json.loads(kept.read_text("utf-8")))
    if not path.exists():
        generate(f"lorenz96:n={SITES},F={forcing:g}", path, trajectories=1, samples=SAMPLES, every=20,
                 transient=TRANSIENT, seed=seed)
    parts = open_trajectories(path)
    standard = standard_of(survey(parts.train))
    train, clean = (np.array(part.seen_by(standard.apply).read(0, len(part))) for part in (parts.train, parts.test))
    rng = np.random.default_rng(seed)
    train, test = (x + (RESOLUTION * rng.standard_normal(x.shape)).astype(np.float32) for x in (train, clean))
    bounds: list[float] = []
    errors: list[float] = []
    for latent in SIZES:
        vae = network_of(train, latent, seed)
        bounds.append(float(validation_bounds(vae, test, seed).mean()))
        errors.append(float(np.sqrt(np.mean((vae.decode(vae.encode(test)[0]) - clean) ** 2))) / RESOLUTION)
        print(f"F = {forcing:g}, {latent} units: bound {bounds[-1]:.2f}, error {errors[-1]:.3f}", flush=True)
    found = Need(forcing, *dimension_of(path, seed), bounds, errors, linear_bounds(train, test))
    kept.write_text(json.dumps(asdict(found)), encoding="utf-8")
    return found


def table(found: list[Need]) -> str:
    """Two tables: the needs, and the bounds they are from."""
    lines = ["| F | Kaplan-Yorke dimension | latent units needed | components needed | bound | of components "
             "| error over resolution |", "| --- | --- | --- | --- | --- | --- | --- |"]
    for n in found:
        error = f" ± {n.dimension_error:.2f}" if math.isfinite(n.dimension_error) and n.dimension_error > 0 else ""
        best = n.errors[SIZES.index(n.units)]
        lines.append(f"| {n.forcing:g} | {n.dimension:.3g}{error} | {n.units} | {n.axes} | {min(n.bounds):.1f} | "
                     f"{min(n.linear):.1f} | {best:.2f} |")
    lines += ["", "| F, bound above the lowest with | " + " | ".join(f"{k}" for k in SIZES) + " |",
              "| --- |" + " --- |" * len(SIZES)]
    lines += [f"| {n.forcing:g} | " + " | ".join(f"{b - min(n.bounds):.1f}" for b in n.bounds) + " |" for n in found]
    return "\n".join(lines)


def draw(found: list[Need]) -> Figure:
    """The bound against the numbers kept, and the need against the dimension."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.2, 4.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    for k, n in enumerate(found):
        colour = COLOURS[k % len(COLOURS)]
        low = min(*n.bounds, *n.linear)
        left.plot(SIZES, np.array(n.bounds) - low + NATS, color=colour, marker=MARKERS[k % len(MARKERS)],
                  markersize=5.0, label=f"F = {n.forcing:g}, D = {n.dimension:.3g}")
        left.plot(np.arange(1, SITES + 1), np.array(n.linear[1:]) - low + NATS, color=colour, linestyle=":",
                  linewidth=1.2)
    left.set(xscale="log", yscale="log", xlabel="latent units (dotted: principal components)",
             ylabel=f"bound above the lowest, + {NATS:g} (nats a state)")
    left.set_xticks([1, 2, 4, 8, 16, 40], ["1", "2", "4", "8", "16", "40"])
    left.set_ylim(0.7, 2e5)
    left.legend(fontsize=8.0, loc="upper right", ncols=2)
    x = [n.dimension for n in found]
    right.plot(x, [n.axes for n in found], color=COLOURS[1], marker="s", linestyle="none", label="principal components")
    right.plot(x, [n.units for n in found], color=COLOURS[0], marker="o", linestyle="none", label="latent units")
    line = np.linspace(0.0, max(x) + 2.0, 100)
    right.plot(line, line, color=GREY, linestyle="--", linewidth=1.1, label="the dimension itself")
    right.plot(line, np.minimum(2.0 * line + 1.0, SITES), color=GREY, linestyle=":", linewidth=1.1,
               label="enough for any set of it, 2D + 1")
    right.set(xlabel="Kaplan-Yorke dimension", ylabel=f"needed, within {NATS:g} nat of the lowest", ylim=(0.0, 43.0))
    right.legend(fontsize=8.0, loc="lower right")
    return figure


def main() -> None:
    """All forcings."""
    words = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    words.add_argument("--forcings", nargs="*", type=float, default=list(FORCINGS))
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--work", type=Path, default=Path("bench-attractors"))
    words.add_argument("--docs", type=Path)
    given = words.parse_args()
    given.work.mkdir(exist_ok=True)
    found = [need_of(forcing, given.work, given.seed) for forcing in given.forcings]
    text = table(found)
    print(f"\n{text}")
    if given.docs:
        (given.docs / "attractors-lorenz96-tables.md").write_text(text + "\n", encoding="utf-8")
        write_svg(given.docs / "attractors-lorenz96.svg", lambda: draw(found))


if __name__ == "__main__":
    main()
