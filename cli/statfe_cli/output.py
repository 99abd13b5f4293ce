"""Tables for people and JSON for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import click

#: Rows of scores that fit a screen.
FITS = 24
#: Head of the column with the root mean square error of correlations over coupled pairs.
CORRELATIONS = "<ss> rms"


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
        parts += [bracket_table(c.brackets, c.reference)] if any(_bounded(b) for b in c.brackets) else []
        parts += [f"not run: {spec}: {reason}" for spec, reason in c.skipped]
        parts += ["\n".join(_failures(c))] if _failures(c) else []
    return "\n\n".join(parts) + "\n"


def _bounded(bracket: Any) -> bool:
    return bool(bracket.lower_method or bracket.upper_method)


def bound_by(method: str, error: float, loose: bool) -> str:
    """Whose bound, and what to know of it."""
    return f"{method}{' (3 sigma out)' if error else ''}{' (not converged)' if loose else ''}" if method else "-"


def bracket_table(brackets: Sequence[Any], reference: Sequence[Any] = ()) -> str:
    """The certified bracket, one beta a row, with what the reference has to do with it."""
    place = {r.beta: r for r in reference}
    rows = []
    for b in brackets:
        both = ((b.lower, b.lower_method, b.lower_error, b.lower_loose),
                (b.upper, b.upper_method, b.upper_error, b.upper_loose))
        sides = [(f"{value:.10g}" if bound[0] else "-", bound_by(*bound)) for value, *bound in both]
        known = b.beta in place and math.isfinite(place[b.beta].beta_f)
        words = "BOUNDS CONTRADICT EACH OTHER" if b.crossed else "" if not known else (
            "OUTSIDE" if b.outside(place[b.beta]) else "inside")
        width = f"{b.width / b.n_sites:.3g}" if math.isfinite(b.width) else "-"
        rows.append([f"{b.beta:.6g}", *sides[0], *sides[1], width, words])
    head = ["beta", "beta_f from", "by", "to", "by", "width / N", "reference" if place else ""]
    return "certified bracket: the true beta_f lies between these bounds\n" + table(head, rows, left=(2, 4, 6))


def trust_table(trust: Any) -> str:
    """The summary of a study: one method a row, template by template, best first."""
    parts = [f"trust map: error of beta_f in nats a site, tolerance {trust.tolerance:g}; a missing result is infinite"]
    for template in trust.templates:
        rows = []
        for t in (t for t in trust.summary if t.template == template):
            bounds = f"{t.violated} violated" if t.violated else f"{t.bounds} hold" if t.bounds else "-"
            growth = ", ".join(f"{count} {name}" for name, count in t.growth.items()) or "-"
            rows.append([t.method, f"{t.within}/{t.cells}", f"{t.trusted_to:.4g}" if t.trusted_to == t.trusted_to else
                         "-", f"{t.median_error:.2g}", f"{t.worst_error:.2g}", str(t.best), bounds, growth])
        head = ["method", "within", "trusted to", "median", "worst", "best at", "bounds", "as N grows"]
        parts.append((f"{template}\n" if template else "") + table(head, rows, left=(0, 6, 7)))
    return "\n\n".join(parts) + "\n"


def _failures(comparison: Any) -> list[str]:
    """Why there is no result, once a method: where it begins, and what to change."""
    first: dict[str, str] = {}
    for r in [*comparison.reference, *(s.result for s in comparison.scores)]:
        if r.status != "converged":
            first.setdefault(r.method, f"{r.method} from beta = {r.beta:.6g}: {r.message}")
    return list(first.values())


def _every_score(scores: Sequence[Any]) -> str:
    moments = _has_moments(scores)
    rows = [
        [s.result.method, f"{s.result.beta:.6g}", s.result.kind, _signed(s.error_per_site), _signed(s.sigmas, ".1f"),
         *([_rms(s.correlation_rms, s.correlation_noise)] if moments else []), s.verdict]
        for s in scores
    ]
    head = ["method", "beta", "kind", "error / N", "sigmas", *([CORRELATIONS] if moments else []), "verdict"]
    return table(head, rows, left=(0, 2, len(head) - 1))


def _has_moments(scores: Sequence[Any]) -> bool:
    return any(not math.isnan(s.correlation_rms) for s in scores)


def _rms(value: float, noise: float) -> str:
    """A root mean square error, or that it is below the noise."""
    if math.isnan(value):
        return "-"
    return f"< {noise:.1e}" if value <= noise and noise > 0.0 else f"{value:.1e}"


def _summary(scores: Sequence[Any]) -> str:
    from statfe.scoring.ranking import rank

    moments = _has_moments(scores)
    rows = [
        [m.method + (" *" if m.pareto else ""), " or ".join(m.kinds), f"{m.median_error:.2g}", f"{m.worst_error:.2g}",
         f"{m.worst_beta:.4g}", *([_rms(m.correlation_rms, m.correlation_noise)] if moments else []),
         ", ".join(f"{count} {verdict}" for verdict, count in m.verdicts.items())]
        for m in rank(scores)
    ]
    head = ["method", "kind", "median", "worst", "at beta", *([CORRELATIONS] if moments else []),
            f"verdicts at {len({s.result.beta for s in scores})} betas"]
    title = ("|error of beta_f| in nats a site, best method first; a missing result counts as infinitely far off;\n"
             "* no other method is at once as accurate and as fast")
    return title + "\n" + table(head, rows, left=(0, 1, len(head) - 1))


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
