"""What is known of one system, for people and programs."""

from __future__ import annotations

import inspect
from typing import Any

from statfe.systems.catalogue import build_system, families
from statfe.systems.system import System

#: Entries of a list that are shown in full; longer ones are cut in tables, never in JSON.
SHOWN = 8


def describe_systems() -> list[dict[str, Any]]:
    """All systems with options, defaults and sources."""
    return [family.to_dict() for family in families().values()]


def system_facts(spec: str | System) -> dict[str, Any]:
    """One system: its law, numbers, symmetries, and the values that are known of it."""
    system = build_system(spec)
    family = families().get(system.spec.partition(":")[0])
    return {
        "system": system.spec or system.name, "title": system.title, "kind": system.kind,
        "law": " ".join((inspect.getdoc(system.rhs) or "in the file").split()),
        "dimension": system.dimension, "coordinates": list(system.coordinates),
        "angles": [system.coordinates[i] for i in system.angles],
        "momenta": [system.coordinates[i] for i in system.momenta],
        "parameters": dict(system.parameters), "dt": system.dt, "period": system.period,
        "transient": system.transient, "bound": system.bound, "start": system.start.tolist(),
        "box": system.box.tolist(), "symmetries": [s.name for s in system.symmetries],
        "conserved": system.conserved is not None, "stiff": system.stiff is not None,
        "tangent": system.tangent is not None,
        "known": [{"quantity": k.quantity, "value": list(k.value) if isinstance(k.value, tuple) else k.value,
                   "tolerance": k.tolerance, "source": k.source} for k in system.known],
        "facts": list(family.facts) if family and not family.positional else [], "reference": system.reference,
    }


def fact_rows(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """The facts as rows of a table; long lists are cut, and say how long they are."""
    rows = []
    for name, value in facts.items():
        if name == "known":
            rows += [(k["quantity"].replace("_", " "), _known(k)) for k in value]
        elif name == "facts":
            rows += [("", fact) for fact in value]
        elif isinstance(value, bool):
            rows.append((name, "yes" if value else "no"))
        elif isinstance(value, dict):
            rows.append((name, _cut([f"{key} = {number:g}" for key, number in value.items()])))
        elif isinstance(value, list):
            rows.append((name, _cut([_word(entry) for entry in value])))
        else:
            rows.append((name, _word(value)))
    return rows


def _known(known: dict[str, Any]) -> str:
    value = known["value"]
    numbers = _cut([f"{v:g}" for v in value]) if isinstance(value, list) else f"{value:g}"
    error = f" +- {known['tolerance']:g}" if known["tolerance"] else ""
    return f"{numbers}{error}  ({known['source']})"


def _word(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_word(v) for v in value) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _cut(words: list[str]) -> str:
    if not words:
        return "-"
    return ", ".join(words[:SHOWN]) + (f", ... ({len(words)} in all)" if len(words) > SHOWN else "")
