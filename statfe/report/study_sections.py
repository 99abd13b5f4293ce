"""Parts of the page that gather many scores: the certified bracket of a model, and the trust map of a study."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from statfe.result import FreeEnergy
from statfe.scoring.bracket import Bracket
from statfe.scoring.comparison import Comparison
from statfe.scoring.growth import EXACT, EXTENSIVE, GROWING, UNDECIDED, VANISHING
from statfe.scoring.ranking import rank
from statfe.scoring.trust import Trusted, trust_of

#: Class of the chip of each law of growth, for the style sheet, in the order to show.
GROWTH_CLASS = {EXACT: "good", VANISHING: "good", EXTENSIVE: "weak", GROWING: "bad", UNDECIDED: "none"}


@dataclass(frozen=True)
class BracketRow:
    """One beta of the certified bracket, and what the reference has to do with it, in words."""

    bracket: Bracket
    reference: FreeEnergy | None

    @property
    def words(self) -> str:
        """Whether the reference lies inside."""
        if self.bracket.crossed:
            return "the bounds contradict each other"
        if self.reference is None or not math.isfinite(self.reference.beta_f):
            return "no reference"
        return "outside" if self.bracket.outside(self.reference) else "inside"

    @property
    def bad(self) -> bool:
        """Whether something is wrong."""
        return self.words not in ("inside", "no reference")


def bracket_rows(comparison: Comparison) -> list[BracketRow]:
    """The bracket at every beta; empty where no method gave a bound."""
    place = {r.beta: r for r in comparison.reference}
    found = [BracketRow(b, place.get(b.beta)) for b in comparison.brackets]
    return found if any(r.bracket.lower_method or r.bracket.upper_method for r in found) else []


def trust_section(comparisons: Sequence[Comparison]) -> dict[str, Any] | None:
    """What the page says of a study as a whole; None for one model."""
    trust = trust_of(comparisons)
    if trust is None:
        return None
    return {
        "tolerance": trust.tolerance,
        "models": len(comparisons),
        "front": [m.method for m in rank([s for c in comparisons for s in c.scores]) if m.pareto],
        "tables": [
            {"template": template, "sizes": sorted({c.n_sites for c in trust.cells if c.template == template}),
             "grown": any(g.template == template for g in trust.growth),
             "rows": [_trust_row(t) for t in trust.summary if t.template == template]}
            for template in trust.templates],
    }


def _trust_row(t: Trusted) -> dict[str, Any]:
    return {
        "own": t, "share": t.within / t.cells if t.cells else math.nan,
        "growth": [(name, t.growth[name], css) for name, css in GROWTH_CLASS.items() if name in t.growth]}
