"""`Compared`: what `compare` gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from statfe.scoring.comparison import Comparison
from statfe.scoring.trust import Trust, trust_of


@dataclass(frozen=True)
class Compared:
    """Comparisons, one a model, and the files that were written (none without an output folder)."""

    comparisons: list[Comparison]
    files: dict[str, Path]

    @property
    def scores(self) -> list[Any]:
        """All scores, model by model."""
        return [score for comparison in self.comparisons for score in comparison.scores]

    @property
    def score_rows(self) -> list[dict[str, Any]]:
        """The rows of scores.csv, with `stats`."""
        return [score.to_dict() for score in self.scores]

    @property
    def converged(self) -> bool:
        """Whether the references and all methods have converged."""
        references = [r for comparison in self.comparisons for r in comparison.reference]
        return all(r.status == "converged" for r in [*references, *(s.result for s in self.scores)])

    @property
    def trust(self) -> Trust | None:
        """Which method is good where, over the models of a study; None for one model."""
        return trust_of(self.comparisons)
