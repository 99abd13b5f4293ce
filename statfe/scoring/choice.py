"""Which methods are compared, and which one makes the reference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from statfe.errors import NotApplicableError, UsageError
from statfe.models.ising import IsingModel
from statfe.registry import Method, check_betas, get_method, method_spec, methods

#: Operations up to which an exact reference, or an exact method among "all", is taken without asking.
AFFORDABLE = 2e11


def method_list(methods: str | Sequence[str] | None) -> list[str]:
    """The specs given, none for None; each spec is checked where it is used."""
    if methods is None:
        return []
    if isinstance(methods, str):
        return [methods]
    if not isinstance(methods, Sequence) or not methods or not all(isinstance(m, str) for m in methods):
        raise UsageError(f"methods must be 'all', a spec or a list of specs, got {methods!r}")
    return list(methods)


def default_reference(model: IsingModel, n_betas: int) -> str:
    """``exact`` where an exact method applies and is affordable, else ``mbar``."""
    exact = get_method("exact")
    affordable = not exact.obstacle(model) and exact.cost(model, n_betas) <= AFFORDABLE
    return "exact" if affordable else "mbar"


def choose_methods(
    model: IsingModel, betas: np.ndarray, wanted: Sequence[str], lenient: bool = False
) -> tuple[list[str], list[tuple[str, str]]]:
    """(specs to run, (spec, reason) of those of ``all`` that cannot take this model or grid).

    ``all`` stands for every approximation with its variants. A method that is named must apply, unless `lenient`.
    """
    chosen: list[str] = []
    skipped: list[tuple[str, str]] = []

    def place(method: Method, specs: Sequence[str]) -> None:
        reason = method.obstacle(model) or _beta_obstacle(method.negative_beta, betas)
        for spec in specs:
            if reason:
                skipped.append((spec, reason))
            else:
                chosen.append(spec)

    for spec in wanted:
        if spec == "all":
            for method in methods().values():
                if method.family == "approximate":
                    place(method, method.specs())
            continue
        method, checked = method_spec(spec)
        if not lenient:
            check_betas(method, betas)
            if reason := method.obstacle(model):
                raise NotApplicableError(f"{method.name} cannot take {model.spec}: {reason}")
        place(method, [str(checked)])
    return list(dict.fromkeys(chosen)), list(dict.fromkeys(skipped))


def _beta_obstacle(takes_negative: bool, betas: np.ndarray) -> str:
    return "needs beta >= 0" if not takes_negative and np.any(betas < 0) else ""
