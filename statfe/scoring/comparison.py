"""`Comparison`: everything that is known after the methods have been scored on one model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from statfe.errors import UsageError
from statfe.models.ising import IsingModel
from statfe.result import FreeEnergy
from statfe.scoring.bracket import Bracket, brackets
from statfe.scoring.study import TOLERANCE
from statfe.scoring.verdict import Score
from statfe.store.provenance import created, source_commit, versions


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Methods scored against a reference on one model over a grid of beta.

    Attributes
    ----------
    model
        Spec of the model.
    facts
        What is known of the model (number of sites, bonds, frustrated plaquettes, ...), in the order to show.
    betas
        The grid; each value once.
    reference
        The preferred reference, one result a beta, all of one method.
    secondary
        Other estimates of the same (thermodynamic integration beside MBAR); all methods in one list.
    scores
        One a method and beta, method by method.
    skipped
        (spec, reason) of the methods that could not take the model.
    command
        The command that makes this comparison again; "" where only Python can.
    seed
        Seed of the run; None where nothing was drawn.
    versions, source_commit, created
        The software that made it, the commit where that is known, and when (ISO 8601, UTC).
    title
        Heading of the report (of a study: of all its comparisons); may be empty.
    sampler
        Spec of the sampler behind the reference, "" where nothing was sampled.
    ising
        The model itself, to be stored beside the scores; may be None.
    moments
        Where the true means and correlations of the spins come from, or why they are not scored; may be empty.
    template, group, tolerance
        Of a study: what stands for models of several sizes, and for several realisations of one size (see
        `statfe.scoring.study.Member`; "" where nothing stands for more than one), and the error a site that is small.

    Raises
    ------
    UsageError
        A beta, or a method at a beta, is given twice; a result is at a beta outside the grid; or the reference
        is of several methods, or of one that is among the secondary ones too.
    """

    model: str
    betas: Sequence[float]
    reference: Sequence[FreeEnergy]
    scores: Sequence[Score]
    facts: Mapping[str, Any] = field(default_factory=dict)
    secondary: Sequence[FreeEnergy] = ()
    skipped: Sequence[tuple[str, str]] = ()
    command: str = ""
    seed: int | None = None
    versions: Mapping[str, str] = field(default_factory=versions)
    source_commit: str = field(default_factory=source_commit)
    created: str = field(default_factory=created)
    title: str = ""
    sampler: str = ""
    ising: IsingModel | None = field(default=None, repr=False)
    moments: str = ""
    template: str = ""
    group: str = ""
    tolerance: float = TOLERANCE

    def __post_init__(self) -> None:
        object.__setattr__(self, "betas", tuple(float(b) for b in self.betas))
        _refuse_repeats("beta", [f"{b!r}" for b in self.betas])
        results = [*self.reference, *self.secondary]
        for part in (results, [s.result for s in self.scores]):
            _refuse_repeats("method", [f"{r.method} at beta={r.beta!r}" for r in part])
            outside = next((r for r in part if r.beta not in self.betas), None)
            if outside is not None:
                raise UsageError(f"{outside.method} has a result at beta={outside.beta!r}, outside the grid")
        names = list(dict.fromkeys(r.method for r in self.reference))
        if any(r.method in names for r in self.secondary):
            raise UsageError(f"{names[0]} is both the reference and its second estimate; choose one")
        if len(names) > 1:
            raise UsageError(f"the reference is of several methods: {', '.join(names)}; choose one")

    @property
    def methods(self) -> list[str]:
        """Specs of the scored methods, in the order of their first score."""
        return list(dict.fromkeys(s.result.method for s in self.scores))

    @property
    def n_sites(self) -> int:
        """Number of sites of the model."""
        return next((r.n_sites for r in [*self.reference, *(s.result for s in self.scores)]), 0)

    @property
    def brackets(self) -> list[Bracket]:
        """What the bounds among the scored methods say of the true F, by ascending beta."""
        return brackets([s.result for s in self.scores])

    def score_table(self) -> list[list[Score | None]]:
        """Scores by method (as in `methods`) and beta (as in `betas`); None where a method was not run."""
        place = {(s.result.method, s.result.beta): s for s in self.scores}
        return [[place.get((m, b)) for b in self.betas] for m in self.methods]


def _refuse_repeats(what: str, names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        twice = next(n for i, n in enumerate(names) if n in names[:i])
        raise UsageError(f"{what} {twice} is given twice; give it once")
