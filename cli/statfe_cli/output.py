"""Tables for people and JSON for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import click

#: Rows of scores that fit a screen.
FITS = 24


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int] = (0,)) -> str:
    """Aligned columns; those in `left` are flush left, the others right."""
    cells = [list(header), *[list(r) for r in rows]]
    widths = [max(len(r[c]) for r in cells) for c in range(len(header))]
    lines = []
    for r in cells:
        parts = [r[c].ljust(w) if c in left else r[c].rjust(w) for c, w in enumerate(widths)]
        lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def with_error(value: float, error: float, digits: int = 10) -> str:
    """``-953.92 +- 0.07``: the error with two digits, the value to the same place; exact values in full."""
    if not math.isfinite(value):
        return "-"
    if not math.isfinite(error) or error <= 0.0:
        return f"{value:.{digits}g}"
    places = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{places}f} +- {error:.{places}f}"


def print_json(value: Any) -> None:
    """Strict JSON on stdout: NaN and infinities become null."""
    from statfe.result import plain

    click.echo(json.dumps(plain(value), allow_nan=False, indent=1))


def result_table(results: Sequence[Any]) -> str:
    """Free energies, one a row, with messages below."""
    rows = [
        [f"{r.beta:.6g}", r.method, with_error(r.beta_f, r.beta_f_error),
         with_error(r.per_site, r.beta_f_error / r.n_sites, 9), r.kind, r.status]
        for r in results
    ]
    text = table(["beta", "method", "beta_f", "beta_f / N", "kind", "status"], rows, left=(1, 4, 5))
    messages = dict.fromkeys(f"{r.method}: {r.message}" for r in results if r.message)
    return "\n".join([text, *messages])


def reference_table(results: Sequence[Any]) -> str:
    """The preferred estimate and the second one side by side, one beta a row, with messages below."""
    names = list(dict.fromkeys(r.method for r in results))
    first, second = ([r for r in results if r.method == name] for name in names)
    rows = [
        [f"{a.beta:.6g}", with_error(a.beta_f, a.beta_f_error), with_error(b.beta_f, b.beta_f_error),
         _signed(a.stats.get("disagreement_sigmas", math.nan), ".1f"),
         with_error(a.per_site, a.beta_f_error / a.n_sites, 9), a.status]
        for a, b in zip(first, second, strict=True)
    ]
    text = table(["beta", *names, "sigmas apart", f"{names[0]} / N", "status"], rows, left=(5,))
    messages = dict.fromkeys(r.message for r in first if r.message)
    return "\n".join([text, *messages])


def score_tables(comparisons: Sequence[Any]) -> str:
    """Model by model: every score where they fit a screen, else a summary of each method, best first."""
    parts = []
    for c in comparisons:
        reference = c.reference[0]
        parts.append(f"{c.model}: {c.n_sites} spins; reference {reference.method} ({reference.kind}), seed {c.seed}")
        parts.append(_every_score(c.scores) if len(c.scores) <= FITS else _summary(c.scores))
        parts += [f"not run: {spec}: {reason}" for spec, reason in c.skipped]
        parts += ["\n".join(_failures(c))] if _failures(c) else []
    return "\n\n".join(parts) + "\n"


def _failures(comparison: Any) -> list[str]:
    """Why there is no result, once a method: where it begins, and what to change."""
    first: dict[str, str] = {}
    for r in [*comparison.reference, *(s.result for s in comparison.scores)]:
        if r.status != "converged":
            first.setdefault(r.method, f"{r.method} from beta = {r.beta:.6g}: {r.message}")
    return list(first.values())


def _every_score(scores: Sequence[Any]) -> str:
    rows = [
        [s.result.method, f"{s.result.beta:.6g}", s.result.kind, _signed(s.error_per_site), _signed(s.sigmas, ".1f"),
         s.verdict]
        for s in scores
    ]
    return table(["method", "beta", "kind", "error / N", "sigmas", "verdict"], rows, left=(0, 2, 5))


def _summary(scores: Sequence[Any]) -> str:
    from statfe.scoring.ranking import rank

    rows = [
        [m.method, " or ".join(m.kinds), f"{m.median_error:.2g}", f"{m.worst_error:.2g}", f"{m.worst_beta:.4g}",
         ", ".join(f"{count} {verdict}" for verdict, count in m.verdicts.items())]
        for m in rank(scores)
    ]
    head = ["method", "kind", "median", "worst", "at beta", f"verdicts at {len({s.result.beta for s in scores})} betas"]
    title = "|error of beta_f| in nats a site, best method first; a missing result counts as infinitely far off"
    return title + "\n" + table(head, rows, left=(0, 1, 5))


def _signed(value: float, form: str = ".2e") -> str:
    return f"{value:+{form}}" if math.isfinite(value) else "-"


def print_entries(entries: Sequence[dict[str, Any]]) -> None:
    """Models or methods with their options, for people."""
    for entry in entries:
        kinds = f"  [{', '.join(entry['kinds'])}]" if "kinds" in entry else ""
        click.echo(f"{entry['name']}{kinds}")
        click.echo(f"    {entry['summary']}")
        for option in entry["options"]:
            default = "required" if option["required"] else f"default {option['default']}"
            choices = f" ({' | '.join(option['choices'])})" if option["choices"] else ""
            click.echo(f"    {option['name']}: {option['type']}{choices}, {default}  {option['doc']}".rstrip())
        click.echo(f"    source: {entry['reference']}")
