"""One function for all limits: family, beta, parameters and solution in, `Limit` out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from statfe.blas import one_thread
from statfe.errors import SpecError, UsageError, unknown_name
from statfe.executors import map_tasks
from statfe.limits import hopfield, sk
from statfe.limits.cavity import RegularGraph, solve
from statfe.limits.limit import Limit
from statfe.limits.population import POPULATION, Population
from statfe.limits.replica_breaking import STEPS, broken
from statfe.models.families.random_regular import COUPLINGS
from statfe.registry import check_integer, check_seed
from statfe.spec import Option, check_options, parse_grid

#: Solutions of each family; the first is the default.
SOLUTIONS = {
    "sk": ("parisi", "1rsb", "rs", "annealed"), "hopfield": ("rs",), "random-regular": ("cavity", "annealed")}
#: Parameters beside beta and the field, by family.
_ALPHA = Option("alpha", "float", doc="patterns a spin", minimum=1e-12, maximum=1e6)
_DEGREE = Option("degree", "int", 3, "neighbours of every site", minimum=1, maximum=10**6)
_P = Option("p", "float", 0.5, "probability of +J (bimodal couplings)", minimum=0, maximum=1)
PARAMETERS: dict[str, tuple[Option, ...]] = {
    "sk": (STEPS,), "hopfield": (_ALPHA,), "random-regular": (_DEGREE, COUPLINGS, _P, *POPULATION)}
FIELD = Option("field", "float", 0.0, "h of every site", minimum=-1e6, maximum=1e6)


@one_thread()
def thermodynamic_limit(
    family: str, beta: float | str | Sequence[float] | np.ndarray, solution: str | None = None, *,
    field: float = 0.0, seed: int | None = None, workers: int = 1,
    progress: Callable[[str, float], None] | None = None, **parameters: Any,
) -> Limit | list[Limit]:
    """Free energy, energy and entropy a site of a family of models as N grows.

    Parameters
    ----------
    family
        ``sk`` (J of variance 1/N), ``hopfield`` (J = 1/N sum over patterns), or ``random-regular`` (J = 1 or of
        variance 1).
    beta
        One inverse temperature >= 0, or a grid as in `statfe.free_energy`. ``inf`` is the ground state, for ``sk`` and
        ``hopfield``.
    solution
        ``parisi`` (default of SK), ``1rsb``, ``rs`` or ``annealed``; ``cavity`` for random regular graphs. Those of
        SK are lower bounds of the free energy averaged over the disorder.
    field
        A uniform field h.
    seed
        Of the populations of ``cavity``; drawn when None.
    workers
        Threads over the grid; results are the same bits for any number.
    **parameters
        ``alpha`` (hopfield, required), ``degree``, ``couplings``, ``p``, ``population``, ``burn``, ``sweeps``
        (random-regular), ``steps`` (sk, parisi).

    Returns
    -------
    Limit, or a list of them in the order of a grid. A failure is a status and a message.

    Raises
    ------
    UsageError
        Unknown family, solution or parameter, with the nearest name; values out of range.
    """
    if family not in SOLUTIONS:
        raise SpecError(unknown_name("family", str(family), SOLUTIONS))
    chosen = solution or SOLUTIONS[family][0]
    if chosen not in SOLUTIONS[family]:
        raise SpecError(f"{family}: {unknown_name('solution', str(chosen), SOLUTIONS[family])}")
    given = {name: value for name, value in parameters.items() if value is not None}
    options = check_options(family, given, PARAMETERS[family]).options
    h = FIELD.parse(field, family)
    number, threads = check_seed(seed), check_integer("workers", workers, 1)
    betas = _betas(family, beta)
    one = _solver(family, chosen, h, dict(options), number)
    done: list[float] = []

    def run(b: float) -> Limit:
        found = one(b)
        done.append(b)
        if progress is not None:
            progress(family, len(done) / len(betas))
        return found

    limits = map_tasks(run, betas, threads)
    return limits[0] if np.isscalar(beta) and not isinstance(beta, str) else limits


def _betas(family: str, beta: float | str | Sequence[float] | np.ndarray) -> list[float]:
    """The grid, in which infinity stands for the ground state where the family has one."""
    words = beta.split(",") if isinstance(beta, str) and ":" not in beta else beta
    given = words if isinstance(words, str) else np.atleast_1d(np.asarray(words, dtype=object)).ravel()
    if isinstance(given, str) or not any(map(_infinite, given)):
        betas = parse_grid(given if isinstance(given, str) else [_number(b) for b in given]).tolist()
    else:
        betas = [math.inf if _infinite(b) else float(parse_grid([_number(b)])[0]) for b in given]
    if min(betas) < 0.0:
        raise UsageError(f"a limit needs beta >= 0, got {min(betas):g}; negate the couplings and fields instead")
    if family == "random-regular" and math.inf in betas:
        raise UsageError("random-regular has no ground state here; take a large beta, such as 50")
    return betas


def _number(value: Any) -> float:
    """A value of a grid as a number; `parse_grid` says what is wrong with text that is none."""
    return float(parse_grid(value)[0]) if isinstance(value, str) else value


def _infinite(value: Any) -> bool:
    try:
        return math.isinf(float(value)) and float(value) > 0.0
    except (TypeError, ValueError):
        return False


def _solver(family: str, solution: str, field: float, options: dict[str, Any], seed: int) -> Callable[[float], Limit]:
    """The function of beta for checked parameters."""
    if family == "hopfield":
        return lambda beta: hopfield.replica_symmetric(beta, options["alpha"], field)
    if family == "sk":
        return {
            "annealed": lambda beta: sk.annealed(beta, field), "rs": lambda beta: sk.replica_symmetric(beta, field),
            "1rsb": lambda beta: broken("1rsb", beta, field, 1),
            "parisi": lambda beta: broken("parisi", beta, field, options["steps"])}[solution]
    if options["couplings"] != "bimodal" and options["p"] != _P.default:
        raise SpecError(f"p={options['p']:g} is the share of +J among bimodal couplings; drop it")
    graph = RegularGraph(options["degree"], options["couplings"], p=options["p"], field=field)
    if solution == "annealed":
        if graph.couplings == "ferro" or (graph.couplings == "bimodal" and graph.p != 0.5):
            raise UsageError("annealed needs couplings gaussian, or bimodal with p=0.5; take solution cavity")
        return lambda beta: _annealed_graph(graph, beta)
    population = Population(options["population"], burn=options["burn"], sweeps=options["sweeps"])
    return lambda beta: solve(graph, beta, population, seed)


def _annealed_graph(graph: RegularGraph, beta: float) -> Limit:
    """-beta f = ln 2 cosh(beta h) + (c / 2) times beta^2 / 2 (gaussian) or ln cosh(beta) (bimodal)."""
    c, x = graph.degree, abs(beta * graph.field)
    if graph.couplings == "gaussian":
        bond, slope = 0.5 * beta * beta, beta
    else:
        bond, slope = beta + math.log1p(math.exp(-2.0 * beta)) - math.log(2.0), math.tanh(beta)
    m = math.tanh(beta * graph.field)
    beta_f = -(x + math.log1p(math.exp(-2.0 * x))) - 0.5 * c * bond
    energy = -graph.field * m - 0.5 * c * slope
    return Limit(
        family="random-regular", solution="annealed", beta=beta, field=graph.field, beta_f=beta_f,
        free_energy=beta_f / beta if beta > 0.0 else -math.inf, energy=energy, entropy=beta * energy - beta_f,
        bound="lower_bound", order={"m": m})

