"""`exact`: the cheapest exact method that takes the model.

Valid wherever one of the other exact methods is; each outcome says which one it came from. Cost and source are those
of the method chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from statfe.errors import NotApplicableError
from statfe.junction.moments import with_exact_moments
from statfe.models.ising import IsingModel
from statfe.models.structure import per_model
from statfe.registry import Context, Method, methods
from statfe.result import Outcome

#: Elementary operations beyond which nothing is started (hours).
MAX_COST = 1e13


@per_model
def _reasons(model: IsingModel) -> dict[str, str]:
    """Why each of the other exact methods cannot take the model; "" where it can."""
    return {m.name: m.obstacle(model) for m in methods().values() if m.family == "exact" and m.name != METHOD.name}


def candidates(model: IsingModel, n_betas: int) -> list[tuple[float, Method]]:
    """(cost, method) of those that take the model, cheapest first."""
    able = [methods()[name] for name, reason in _reasons(model).items() if not reason]
    return sorted(((m.cost(model, n_betas), m) for m in able), key=lambda pair: pair[0])


def obstacle(model: IsingModel) -> str:
    """One line with the reason of every method, where none applies."""
    reasons = _reasons(model)
    if all(reasons.values()):
        return "use mbar, as no exact method applies (" + "; ".join(f"{k}: {v}" for k, v in reasons.items()) + ")"
    return _too_dear(model, 1)


def _too_dear(model: IsingModel, n_betas: int) -> str:
    price, method = candidates(model, n_betas)[0]
    if price <= MAX_COST:
        return ""
    return f"the cheapest way, {method.name}, needs about {price:.0e} operations; use mbar, or fewer betas"


def cost(model: IsingModel, n_betas: int) -> float:
    """Cost of the cheapest."""
    return candidates(model, n_betas)[0][0]


def run(model: IsingModel, betas: np.ndarray, context: Context) -> Sequence[Outcome]:
    """Run the cheapest method; the next one where it cannot take these betas.

    Raises
    ------
    NotApplicableError
        If no method takes the betas, or the cheapest is too dear.
    """
    if reason := _too_dear(model, len(betas)):
        raise NotApplicableError(f"exact: {reason}")
    refusals = []
    for _, method in candidates(model, len(betas)):
        try:
            outcomes = method.run(model, betas, context)
        except NotApplicableError as error:
            refusals.append(str(error))
            continue
        return [
            replace(
                o, message=f"by {method.name}" + (f": {o.message}" if o.message else ""),
                stats={"exact_method": method.name, **o.stats})
            for o in with_exact_moments(model, betas, outcomes)
        ]
    raise NotApplicableError(f"exact: use mbar, as no exact method applies ({'; '.join(refusals)})")


METHOD = Method(
    name="exact",
    family="exact",
    summary="the cheapest exact method that takes the model",
    kinds=("exact",),
    reference="that of the method chosen, which the result names",
    run=run,
    obstacle=obstacle,
    cost=cost,
    negative_beta=True,
)
