"""What the benchmark of attractors records: one row a system, and the table of them."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from statfe.attractors.exponents import Exponents
from statfe.attractors.rules import Rule
from statfe.bench.attractors.agreement import Agreement
from statfe.result import plain
from statfe.systems.system import Known, System

#: A number agrees when it is within this share of a known one and within so many errors; a zero within `ZERO`.
SHARE, SIGMAS, ZERO = 0.01, 2.0, 5e-3


@dataclass(frozen=True)
class Check:
    """One measured number beside a known one.

    Attributes
    ----------
    known, tolerance
        The value of the source, and how far it can be trusted.
    close
        Within `SHARE` of the known value; within `ZERO` of a known zero.
    inside
        Within `SIGMAS` of the errors of both.
    """

    quantity: str
    value: float
    error: float
    known: float
    tolerance: float
    source: str

    @property
    def sigmas(self) -> float:
        """Distance in standard deviations of both."""
        size = math.hypot(self.error, self.tolerance)
        return abs(self.value - self.known) / size if size > 0.0 else 0.0 if self.value == self.known else math.inf

    @property
    def close(self) -> bool:
        return abs(self.value - self.known) <= (SHARE * abs(self.known) if self.known != 0.0 else ZERO)

    @property
    def inside(self) -> bool:
        return abs(self.value - self.known) <= 1e-9 * abs(self.known) or self.sigmas <= SIGMAS

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"quantity": self.quantity, "value": self.value, "error": self.error, "known": self.known,
                "tolerance": self.tolerance, "source": self.source, "sigmas": self.sigmas, "close": self.close,
                "inside": self.inside}


@dataclass(frozen=True)
class Row:
    """One system.

    Attributes
    ----------
    exponents, errors
        Largest first.
    checks
        Against all that is known of it.
    reason
        Why there is no measurement, or "".
    """

    system: str
    group: str
    kind: str
    dimension: int
    motion: str = ""
    exponents: tuple[float, ...] = ()
    errors: tuple[float, ...] = ()
    kaplan_yorke: float = math.nan
    kaplan_yorke_error: float = math.nan
    status: str = "diverged"
    message: str = ""
    rules: tuple[Rule, ...] = ()
    checks: tuple[Check, ...] = ()
    integrator: str = ""
    dt: float = math.nan
    length: float = math.nan
    seconds: float = math.nan

    def rule(self, start: str) -> Rule | None:
        """The rule whose name begins so, if it was checked."""
        return next((r for r in self.rules if r.name.startswith(start)), None)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        own = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**own, "rules": [r.to_dict() for r in self.rules], "checks": [c.to_dict() for c in self.checks]}


def row_of(system: System, group: str, found: Exponents, seconds: float) -> Row:
    """The row of a measurement."""
    e, plan = found.exponents, found.growth.plan
    return Row(
        system.spec or system.name, group, system.kind, system.dimension, found.motion, tuple(e.value.tolist()),
        tuple(e.error.tolist()), float(found.kaplan_yorke.value), float(found.kaplan_yorke.error), e.status, e.message,
        found.rules, tuple(c for known in system.known for c in checks_of(known, found)), plan.integrator, plan.dt,
        plan.length, seconds)


def checks_of(known: Known, found: Exponents) -> list[Check]:
    """A known value beside what was measured; none for quantities that are not measured here."""
    e = found.exponents
    if not np.isfinite(e.value).all():
        return []
    wanted = known.value if isinstance(known.value, tuple) else (known.value,)
    if known.quantity in ("exponents", "largest_exponent"):
        return [Check(f"exponent {k + 1}", float(e.value[k]), float(e.error[k]), float(wanted[k]), known.tolerance,
                      known.source) for k in range(min(len(wanted), len(e.value)))]
    if known.quantity == "sum_of_exponents":
        rule = next((r for r in found.rules if r.name.startswith("sum")), None)
        if rule is None or rule.passed is None or len(e.value) < found.growth.ends.shape[2]:
            return []
        # what the rule allows is the trust in the integrator
        size = float(np.max(np.abs(e.value)))
        return [Check("sum of exponents", float(np.sum(e.value)), 0.0, float(wanted[0]),
                      max(known.tolerance, rule.allowed * (abs(float(wanted[0])) or size)), known.source)]
    single = {"kaplan_yorke": found.kaplan_yorke, "entropy": found.entropy}.get(known.quantity)
    if single is None or not math.isfinite(float(single.value)):
        return []
    return [Check(known.quantity, float(single.value), float(single.error), float(wanted[0]), known.tolerance,
                  known.source)]


@dataclass
class AttractorsBench:
    """The whole table.

    Attributes
    ----------
    agreements
        Pairs of integrators.
    cpu_seconds
        Time of all cores together, that of compiling laws included.
    """

    seed: int
    scale: float
    created: str
    command: str
    machine: dict[str, Any]
    versions: dict[str, str]
    rows: list[Row] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    agreements: list[Agreement] = field(default_factory=list)
    cpu_seconds: float = math.nan

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        own = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**own, "rows": [r.to_dict() for r in self.rows],
                "agreements": [a.to_dict() for a in self.agreements],
                "skipped": [{"system": name, "reason": reason} for name, reason in self.skipped]}

    def json_bytes(self) -> bytes:
        """Strict JSON in UTF-8."""
        return (json.dumps(plain(self.to_dict()), allow_nan=False, indent=1) + "\n").encode()

    def csv_bytes(self) -> bytes:
        """One row a system; exponents, errors and checks as lists with semicolons."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        names = ["system", "group", "kind", "dimension", "motion", "kaplan_yorke", "kaplan_yorke_error", "status",
                 "integrator", "dt", "length", "seconds"]
        writer.writerow([*names, "exponents", "errors", "trace_rule", "zero_exponent", "pairing", "energy_drift",
                         "known_close", "known_inside", "known", "message"])
        for r in self.rows:
            rules = [r.rule(start) for start in ("sum", "an exponent", "exponents in", "conserved")]
            writer.writerow([
                *(getattr(r, n) for n in names), ";".join(map(repr, r.exponents)), ";".join(map(repr, r.errors)),
                *("" if rule is None or rule.passed is None else repr(rule.value) for rule in rules),
                *(f"{sum(getattr(c, n) for c in r.checks)}/{len(r.checks)}" for n in ("close", "inside")),
                ";".join(f"{c.quantity}={c.known!r}" for c in r.checks), r.message])
        return buffer.getvalue().encode()
