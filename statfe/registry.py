"""Methods by name. A file in `statfe/methods/<room>/` with a `METHOD` is a method; nothing else lists them."""

from __future__ import annotations

import functools
import importlib
import math
import operator
import pkgutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from statfe.blas import one_thread
from statfe.errors import NotApplicableError, SpecError, UsageError, unknown_name
from statfe.models.ising import IsingModel
from statfe.random import draw_seed
from statfe.result import KINDS, FreeEnergy, Kind, Outcome, failure
from statfe.spec import Option, Spec, check_options, split_spec

#: Packages searched for methods; `room` is the last part.
ROOMS = ("statfe.methods.exact", "statfe.methods.sampled", "statfe.methods.approximate")

#: Message of a result that left the range of doubles.
OVERFLOW = "the numbers overflow; scale the couplings down or lower beta"


@dataclass(frozen=True)
class Context:
    """What a run gives every method beside the model: its seed, its threads, and where to tell progress."""

    seed: int
    workers: int = 1
    progress: Callable[[str, float], None] | None = None


@dataclass(frozen=True)
class Method:
    """One way to a free energy.

    Attributes
    ----------
    run
        ``run(model, betas, context, **options)`` gives one `Outcome` a beta, for the model without its offset.
    obstacle
        ``obstacle(model)`` says in a sentence why the method cannot take this model (and which can), or
        returns "".
    cost
        ``cost(model, n_betas)``: rough number of elementary operations; ``exact`` picks by it.
    work
        The option that the time of a sampled method is proportional to; "" for other methods.
    variants
        Option sets that ``compare --methods all`` runs; the default set alone when empty.
    """

    name: str
    family: str
    summary: str
    kinds: tuple[Kind, ...]
    reference: str
    run: Callable[..., Sequence[Outcome]]
    options: tuple[Option, ...] = ()
    obstacle: Callable[[IsingModel], str] = lambda model: ""
    cost: Callable[[IsingModel, int], float] = lambda model, n_betas: float(model.n_sites + model.n_pairs)
    negative_beta: bool = False
    work: str = ""
    variants: tuple[Mapping[str, Any], ...] = field(default=())

    def specs(self) -> list[str]:
        """The specs that ``--methods all`` stands for."""
        return [str(check_options(self.name, v, self.options)) for v in (self.variants or ({},))]

    def scaled(self, share: float) -> str:
        """The spec that takes about `share` times as long as the defaults; the plain name where nothing scales."""
        defaults = {o.name: o.default for o in self.options}
        if not self.work:
            return self.name
        return str(check_options(self.name, {self.work: max(1, round(share * defaults[self.work]))}, self.options))

    def to_dict(self) -> dict[str, Any]:
        """For ``statfe methods --json``."""
        return {
            "name": self.name, "family": self.family, "summary": self.summary, "kinds": list(self.kinds),
            "options": [o.to_dict() for o in self.options], "reference": self.reference,
        }


@functools.cache
def methods() -> dict[str, Method]:
    """All methods by name, in the order of rooms and files."""
    found: dict[str, Method] = {}
    for room in ROOMS:
        package = importlib.import_module(room)
        for info in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"{room}.{info.name}")
            method: Method = module.METHOD
            if method.name in found:
                raise ValueError(f"two methods are called {method.name!r}")
            found[method.name] = method
    return found


def kinds_of_results() -> list[Kind]:
    """The kinds that some method gives, on any model: enumeration, MBAR, mean field and cumulants take them all."""
    given = {kind for method in methods().values() for kind in method.kinds}
    return [kind for kind in KINDS if kind in given]


def get_method(name: str) -> Method:
    """The method called `name`; raises `SpecError` with the nearest name if there is none."""
    known = methods()
    if name not in known:
        raise SpecError(unknown_name("method", name, known))
    return known[name]


def method_spec(spec: str, **options: Any) -> tuple[Method, Spec]:
    """The method and its checked options from a spec string and keyword options (keywords win)."""
    if not isinstance(spec, str):
        raise UsageError(f"a method is text such as 'tap' or 'mbar:sweeps=20000', got {spec!r}")
    name, raw = split_spec(spec)
    method = get_method(name)
    return method, check_options(name, {**raw, **options}, method.options)


def check_integer(name: str, value: Any, minimum: int) -> int:
    """`value` as an int; `UsageError` names it when it is none, or below `minimum`."""
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise UsageError(f"{name} must be an integer, got {value!r}") from None
    if number < minimum:
        raise UsageError(f"{name} must be at least {minimum}, got {number}")
    return number


def check_seed(seed: Any) -> int:
    """The seed of a run: `seed` if it is an integer from 0 up, a drawn one if it is None."""
    return draw_seed() if seed is None else check_integer("seed", seed, 0)


def check_betas(method: Method, betas: np.ndarray) -> None:
    """Refuse a negative beta where the method cannot take it."""
    if not method.negative_beta and np.any(betas < 0):
        raise UsageError(
            f"{method.name} needs beta >= 0, got {betas.min():g}; negate the couplings and fields instead "
            "(Z is the same at -beta with -J and -h)")


def run_method(
    model: IsingModel,
    betas: np.ndarray,
    spec: str,
    *,
    seed: int | None = None,
    workers: int = 1,
    progress: Callable[[str, float], None] | None = None,
    **options: Any,
) -> list[FreeEnergy]:
    """Run the method `spec` on `model` at every beta, in the order of `betas`.

    Raises
    ------
    SpecError
        Unknown method or option.
    NotApplicableError
        The method cannot take this model.
    UsageError
        A negative beta where the method cannot take it; a seed or a number of workers that is none.
    """
    number, threads = check_seed(seed), check_integer("workers", workers, 1)
    method, checked = method_spec(spec, **options)
    check_betas(method, betas)
    reason = method.obstacle(model)
    if reason:
        raise NotApplicableError(f"{method.name} cannot take {model.spec}: {reason}")
    context = Context(seed=number, workers=threads, progress=progress)
    start = time.perf_counter()
    with one_thread():
        outcomes = method.run(model, betas, context, **checked.options)
    share = (time.perf_counter() - start) / len(betas)
    drawn = None if method.family == "exact" else number
    return [
        to_free_energy(o, model, str(checked), float(b), share, drawn) for o, b in zip(outcomes, betas, strict=True)
    ]


def to_free_energy(
    outcome: Outcome, model: IsingModel, method: str, beta: float, seconds: float, seed: int | None = None
) -> FreeEnergy:
    """Put the model's constant energy back and say whose result it is, and in `stats` from which seed.

    A value that overflowed is a failure, whatever the method says of it.
    """
    beta_f = outcome.beta_f if math.isnan(outcome.beta_f) else outcome.beta_f + beta * model.offset
    stats = outcome.stats if seed is None else {**outcome.stats, "seed": seed}
    finite = math.isfinite(beta_f) and math.isfinite(outcome.beta_f_error)
    if math.isinf(beta_f) or (outcome.status == "converged" and not finite):
        outcome = failure(outcome.kind, "diverged", OVERFLOW)
        beta_f = math.nan
    return FreeEnergy(
        model=model.spec, method=method, kind=outcome.kind, status=outcome.status, message=outcome.message,
        beta=beta, n_sites=model.n_sites, beta_f=float(beta_f), beta_f_error=float(outcome.beta_f_error),
        seconds=seconds if outcome.seconds is None else outcome.seconds, stats=stats,
        moments=None if outcome.moments is None else one_thread()(outcome.moments),
    )
