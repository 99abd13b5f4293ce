"""Free energies of a variational autoencoder's posteriors by every method, point by point, against a reference.

At each point F_p = -ln p(x) by quadrature in up to three latent dimensions, else by annealed importance sampling, whose
walks there and back bracket it. The negative ELBO is always among the methods, as the gap F_q - F_p is what the others
are to close.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from statfe.blas import one_thread
from statfe.errors import SpecError, UsageError, unknown_name
from statfe.executors import map_tasks
from statfe.learned.vae.model import Vae
from statfe.learned.vae.quadrature import MAX_LATENT
from statfe.learned.vae.score import METHODS, default_methods, score_posterior
from statfe.random import generator
from statfe.result import FreeEnergy, plain
from statfe.scoring.machines.inputs import Machine, Points
from statfe.scoring.verdict import Score, judge
from statfe.spec import check_options, split_spec
from statfe.store.provenance import created, source_commit, versions

Progress = Callable[[str, float], None] | None
#: Keys of the seeds of a point: of its methods, and of its reference (see `statfe.random.generator`).
METHODS_KEY, REFERENCE_KEY = 9402, 9403
#: Points that are taken unless their number is said.
POINTS = 100
#: The reference above three latent dimensions: four times the work of the method's defaults.
AIS_REFERENCE = "ais:temperatures=200,particles=128"
BOUND = "elbo"
#: Points between two reports of progress, for each worker.
CHUNK = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Posteriors:
    """Methods scored at data points.

    Attributes
    ----------
    model
        Spec of the model.
    reference
        -ln p(x) of each point, all by one method.
    results
        One list a method, in the order of `reference`.
    rows, labels
        As in `Points`.
    data
        ``name``, ``path``, ``part``, ``available`` and ``shape`` of the points.
    """

    model: str
    reference: Sequence[FreeEnergy] = field(repr=False)
    results: Sequence[Sequence[FreeEnergy]] = field(repr=False)
    rows: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)
    data: dict[str, Any]
    command: str = ""
    seed: int | None = None
    title: str = ""
    versions: dict[str, str] = field(default_factory=versions)
    source_commit: str = field(default_factory=source_commit)
    created: str = field(default_factory=created)

    @property
    def methods(self) -> list[str]:
        """Specs of the scored methods."""
        return [line[0].method for line in self.results]

    @cached_property
    def scores(self) -> list[list[Score]]:
        """The results held against the reference, one list a method."""
        return [[judge(r, x) for r, x in zip(self.reference, line, strict=True)] for line in self.results]

    @cached_property
    def errors(self) -> np.ndarray:
        """F - F_p, shape (methods, points); NaN where it could not be judged."""
        return np.array([[s.error for s in line] for line in self.scores])

    @cached_property
    def gaps(self) -> np.ndarray:
        """F_q - F_p, shape (points,); NaN where it could not be judged."""
        return np.asarray(self.errors[self.methods.index(BOUND)])

    def score_rows(self) -> list[dict[str, Any]]:
        """One row a method and point: that of any score, with ``point`` (its row), ``label`` and ``gap``."""
        return [
            s.to_dict() | plain({"point": int(self.rows[k]), "label": int(self.labels[k]), "gap": self.gaps[k]})
            for line in self.scores for k, s in enumerate(line)]


def chosen_methods(latent: int, given: Sequence[str], reference: str | None) -> tuple[str, list[str]]:
    """The spec of the reference and those to score; each is checked, and ``all`` stands for the defaults.

    Raises
    ------
    UsageError
        For a method that posteriors do not have, an option that it does not have, or one that cannot be a reference.
    """
    made = _checked(reference or ("quadrature" if latent <= MAX_LATENT else AIS_REFERENCE))
    if reference and split_spec(made)[0] == "quadrature" and latent > MAX_LATENT:
        raise UsageError(
            f"quadrature goes to {MAX_LATENT} latent dimensions, this machine has {latent}; take --reference ais")
    if reference and METHODS[split_spec(made)[0]].name not in ("quadrature", "ais", "importance-sampling"):
        raise UsageError(
            f"{reference} is no reference for -ln p(x); take quadrature, ais or importance-sampling")
    wanted: list[str] = []
    for spec in given or ["all"]:
        wanted += default_methods(latent) if spec == "all" else [spec]
    found = [spec for spec in dict.fromkeys(map(_checked, wanted)) if spec != made]
    bound = _checked(BOUND)
    return made, [bound, *(spec for spec in found if spec != bound)]


def _checked(spec: str) -> str:
    name, raw = split_spec(spec)
    if name not in METHODS:
        raise SpecError(f"{unknown_name('method of a posterior', name, METHODS)} (there are {', '.join(METHODS)})")
    return str(check_options(name, raw, METHODS[name].options))


def score_points(
    machine: Machine, points: Points, methods: Sequence[str], reference: str, *, seed: int, workers: int = 1,
    progress: Progress = None, command: str = "",
) -> tuple[Posteriors | None, bool]:
    """Score `methods` at `points`, and whether all points were done before a `KeyboardInterrupt`.

    Every point has a seed of its own, from `seed` and its row: the same bits for any number of workers or of points.

    Returns
    -------
    Posteriors of the points that were done (None where there were none), and whether these are all.
    """
    model = machine.model
    assert isinstance(model, Vae)
    exact = Vae(model.shape, model.parameters).as_type("float64")

    def score(k: int) -> list[FreeEnergy]:
        x, row = points.values[k], int(points.rows[k])
        truth = score_posterior(exact, x, [reference], seed_of(seed, REFERENCE_KEY, row))
        return [*truth, *score_posterior(exact, x, methods, seed_of(seed, METHODS_KEY, row))]

    found: list[list[FreeEnergy]] = []
    count, whole = len(points.values), True
    with one_thread():
        try:
            _warm_up(exact, points, [reference, *methods])
            while len(found) < count:
                if progress is not None:
                    progress(f"point {len(found) + 1} of {count}", len(found) / count)
                chunk = range(len(found), min(count, len(found) + CHUNK * workers))
                found += map_tasks(score, chunk, workers)
        except KeyboardInterrupt:
            whole = False
    done = len(found)
    if not done:
        return None, whole
    return Posteriors(
        model=machine.spec, reference=[line[0] for line in found],
        results=[list(column) for column in zip(*(line[1:] for line in found), strict=True)],
        rows=points.rows[:done], labels=points.labels[:done], command=command, seed=seed,
        title=f"Free energies of {machine.path or machine.spec}", data=points.facts), whole


def seed_of(seed: int, key: int, row: int) -> int:
    """The seed of a point."""
    return int(generator(seed, (key, row)).integers(2**53))


def _warm_up(vae: Vae, points: Points, methods: Sequence[str]) -> None:
    """Load the kernels once, so that the first point does not pay for all in its seconds."""
    score_posterior(vae, points.values[0], methods, 0)
