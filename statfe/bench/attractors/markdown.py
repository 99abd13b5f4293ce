"""The table of `statfe bench attractors` as Markdown, as the documentation keeps it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from statfe.attractors.rules import TRACE, ZERO, Rule
from statfe.bench.attractors.agreement import SIGMAS as AGREE
from statfe.bench.attractors.agreement import Agreement
from statfe.bench.attractors.records import SIGMAS, AttractorsBench, Check, Row


def markdown_bytes(record: AttractorsBench) -> bytes:
    """All tables of a record, and what no table holds."""
    parts = [f"`{record.command}`: statfe {record.versions.get('statfe', '')}, {record.machine.get('cpu', '')}, "
             f"{record.cpu_seconds:.0f} s of one core.", summary(record), "## Exponents and rules",
             exponents(record.rows)]
    checks = [(r, c) for r in record.rows for c in r.checks]
    if checks:
        parts += ["## Against known values", known(checks)]
    if record.agreements:
        parts += ["## Two integrators", agreements(record.agreements)]
    notes = [f"- {r.system}: {r.message}" for r in record.rows if r.message]
    notes += [f"- {r.system}: {rule.name}: {rule.message}" for r in record.rows for rule in r.rules
              if rule.passed is None]
    notes += [f"- not measured: {name}: {reason}" for name, reason in record.skipped]
    if notes:
        parts += ["## Notes", "\n".join(notes)]
    return ("\n\n".join(parts) + "\n").encode()


def summary(record: AttractorsBench) -> str:
    """How many rules hold, and how many numbers are where they should be."""
    flows = [r for r in record.rows if r.kind == "flow"]
    checks = [c for r in record.rows for c in r.checks]
    lines = [f"- {_share(flows, 'sum')} flows keep the rule of the trace to {TRACE:g}, relative; "
             f"{_share(flows, 'an exponent')} have an exponent below {ZERO:g}; the others are at rest.",
             f"- {sum(c.close for c in checks)} of {len(checks)} numbers are within 1% of known ones (of a known zero: "
             f"within {ZERO:g}), {sum(c.inside for c in checks)} within {SIGMAS:g} standard deviations of both; "
             f"by chance alone {expected_outside(checks):.1f} would be further.",
             f"- {sum(a.agree for a in record.agreements)} of {len(record.agreements)} pairs of integrators agree "
             f"within {AGREE:g} joint errors."]
    return "\n".join(lines)


def _share(rows: Sequence[Row], start: str) -> str:
    held = [rule for r in rows if (rule := r.rule(start)) is not None and rule.passed is not None]
    return f"{sum(bool(rule.passed) for rule in held)} of {len(held)}"


def expected_outside(checks: Sequence[Check]) -> float:
    """Numbers that honest errors leave outside of `SIGMAS`; exact ones and exact zeros do not count."""
    return sum(c.error > 0.0 for c in checks) * math.erfc(SIGMAS / math.sqrt(2.0))


def exponents(rows: Sequence[Row]) -> str:
    """One row a system."""
    head = ["system", "group", "dimension", "motion", "exponents", "D_KY", "trace", "zero", "pairs", "energy",
            "integrator", "step", "length", "status"]
    cells = []
    for r in rows:
        shown = [number(v, e) for v, e in zip(r.exponents[:3], r.errors, strict=False)]
        shown += ["..."] if len(r.exponents) > 3 else []
        rules = [_rule(r.rule(start)) for start in ("sum", "an exponent", "exponents in", "conserved")]
        cells.append([r.system, r.group, str(r.dimension), r.motion or "-", ", ".join(shown) or "-",
                      number(r.kaplan_yorke, r.kaplan_yorke_error), *rules, r.integrator or "-", f"{r.dt:.3g}",
                      f"{r.length:.3g}", r.status])
    return table(head, cells)


def known(checks: Sequence[tuple[Row, Check]]) -> str:
    """One row a known number."""
    head = ["system", "", "measured", "known", "trust", "off by", "sigmas", "within 1%", "inside", "source"]
    return table(head, [
        [r.system, c.quantity, number(c.value, c.error), f"{c.known:.6g}", f"{c.tolerance:.1g}",
         f"{100.0 * (c.value / c.known - 1.0):+.2f}%" if c.known != 0.0 else f"{c.value:+.1e}", f"{c.sigmas:.1f}",
         _yes(c.close), _yes(c.inside), c.source] for r, c in checks])


def agreements(found: Sequence[Agreement]) -> str:
    """One row a number of a pair."""
    head = ["system", "first", "second", "", "by the first", "by the second", "sigmas", "joint error", "agree"]
    rows = []
    for a in found:
        ways = [f"{name}, {step:.3g}" for name, step in zip(a.integrators, a.steps, strict=True)]
        if not a.differences:
            rows.append([a.system, *ways, "-", "-", "-", "-", "-", f"NO: {a.message}"])
        for d in a.differences:
            rows.append([a.system, *ways, d.quantity,
                         *(number(v, e) for v, e in zip(d.values, d.errors, strict=True)), f"{d.sigmas:.1f}",
                         f"{math.hypot(*d.errors):.1g}", _yes(a.agree)])
    return table(head, rows)


def _yes(held: bool) -> str:
    return "yes" if held else "NO"


def _rule(rule: Rule | None) -> str:
    if rule is None or rule.passed is None:
        return "-"
    return f"{rule.value:.1e}" + ("" if rule.passed else " FAILED")


def number(value: float, error: float) -> str:
    """``0.906 ± 0.001``; exact values with six digits."""
    if not math.isfinite(value):
        return "-"
    if not math.isfinite(error) or error <= 1e-12 * abs(value) or error == 0.0:
        return f"{value:.6g}"
    places = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{places}f} ± {error:.{places}f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in lines)
