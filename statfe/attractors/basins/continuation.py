"""Attractors followed along a parameter: who stays, who appears, who goes, who changes kind.

At each value the search begins from states on the attractors of the value before, and from fresh random starts; the
random ones alone make the shares. An attractor keeps its identity when its states lead to one that is near as a set,
and as symmetric as it was; after G. Datseris, K. Luiz Rossi and A. Wagemakers, Chaos 33, 073151 (2023).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from statfe.attractors.basins.collect import Identified
from statfe.attractors.basins.identify import identify_more
from statfe.attractors.basins.matching import Scales, assign, set_distance
from statfe.attractors.found import AttractorSet
from statfe.errors import UsageError, unknown_name
from statfe.random import draw_seed
from statfe.spec import split_spec
from statfe.systems.catalogue import build_system, families
from statfe.systems.system import System

#: States of each attractor that the next value begins from.
SEEDS = 12
#: Largest distance in extents of one attractor at two neighbouring values: where its states and those of no other
#: lead there, though of another kind; where its states lead there; and else.
ALONE, LINKED, NEAR = 1.0, 0.5, 0.1
#: Periods that differ by more than this factor are an event of their own, such as a doubling.
PERIOD_RATIO = 1.7


@dataclass(frozen=True)
class Event:
    """A change between two values of the parameter.

    Attributes
    ----------
    what
        ``appears``, ``disappears``, ``kind`` or ``period``. One that loses a symmetry disappears, and others appear.
    identity
        The attractor.
    """

    before: float
    after: float
    identity: int
    what: str
    message: str


@dataclass(frozen=True, eq=False)
class Continuation:
    """Attractors along a parameter.

    Attributes
    ----------
    values
        shape (value,).
    sets
        What was found at each value.
    identities
        Identity of each attractor of each set; tuples of int.
    """

    system: str
    parameter: str
    values: np.ndarray
    sets: tuple[AttractorSet, ...]
    identities: tuple[tuple[int, ...], ...]
    events: tuple[Event, ...]
    seed: int

    @property
    def count(self) -> int:
        """Number of identities."""
        return 1 + max((i for row in self.identities for i in row), default=-1)

    @property
    def converged(self) -> bool:
        """Whether every set is."""
        return all(found.status == "converged" for found in self.sets)


def continue_attractors(
    system: str | System, parameter: str, values: Sequence[float] | np.ndarray, starts: int = 200,
    method: str = "recurrences", box: np.ndarray | None = None, seed: int | None = None, workers: int = 1,
    cells: int | None = None, progress: Callable[[str, float], None] | None = None,
) -> Continuation:
    """Follow the attractors of `system` as `parameter` takes `values`, in that order.

    Parameters
    ----------
    starts
        Random starts at each value, the same ones.

    Raises
    ------
    UsageError
        For an unknown parameter or no values.
    """
    base, grid = build_system(system), np.asarray(values, dtype=np.float64)
    if parameter not in base.parameters:
        raise UsageError(unknown_name("parameter", parameter, base.parameters))
    if not len(grid):
        raise UsageError("no values of the parameter")
    seed = draw_seed() if seed is None else seed
    found: list[Identified] = []
    identities: list[tuple[int, ...]] = []
    events: list[Event] = []
    fresh = 0
    for k, value in enumerate(grid):
        at = _with_value(base, parameter, float(value))
        before = found[-1] if found else None
        seeds, owners = _seeds(before, seed) if before else (None, np.empty(0, dtype=np.int64))
        now = identify_more(at, starts, method, box, seed, workers, cells, seeds)
        if before is None:
            row = tuple(range(now.found.count))
        else:
            row, new = _carried(before, now, owners, identities[-1], fresh, (float(grid[k - 1]), float(value)))
            events += new
        fresh = max(fresh, *(i + 1 for i in row), 0) if row else fresh
        found.append(now)
        identities.append(row)
        if progress is not None:
            progress(f"{parameter} = {value:.5g}", (k + 1) / len(grid))
    return Continuation(base.spec or base.name, parameter, grid, tuple(f.found for f in found), tuple(identities),
                        tuple(events), seed)


def _with_value(base: System, parameter: str, value: float) -> System:
    """The system at one value: built anew by its family where that has the option, so that steps and boxes fit."""
    if base.spec:
        family = families().get(base.name) or families().get(base.spec.partition(":")[0])
        if family is not None and any(o.name == parameter for o in family.options):
            name, raw = split_spec(base.spec, positional=family.positional)
            items = {**raw, parameter: repr(value)}
            return build_system(f"{name}:{','.join(v if k == 'path' else f'{k}={v}' for k, v in items.items())}")
    return base.with_parameters(**{parameter: value})


def _seeds(before: Identified, seed: int) -> tuple[np.ndarray | None, np.ndarray]:
    """States on each attractor, a little beside, and whose they are."""
    points = before.found.points
    if points is None:
        return None, np.empty(0, dtype=np.int64)
    states: list[np.ndarray] = []
    owners = []
    for k in range(before.found.count):
        mine = points.states[points.labels == k]
        for j in np.linspace(0, len(mine) - 1, SEEDS).round().astype(int):
            states.append(before.ground.nudge(mine[j], seed, 99, len(states), size=1e-4))
            owners.append(k)
    return np.array(states), np.array(owners, dtype=np.int64)


def _carried(before: Identified, now: Identified, owners: np.ndarray, known: tuple[int, ...], fresh: int,
             span: tuple[float, float]) -> tuple[tuple[int, ...], list[Event]]:
    """Identities at the new value, and what happened on the way."""
    ends = now.labels[len(now.found.labels):]
    links = np.array([[np.mean(ends[owners == i] == j) for j in range(now.found.count)]
                      for i in range(before.found.count)]).reshape(before.found.count, now.found.count)
    pairs = assign(_costs(before, now, links))
    row = [-1] * now.found.count
    for i, j in pairs.items():
        row[j] = known[i]
    events = []
    for j in range(now.found.count):
        if row[j] < 0:
            row[j], fresh = fresh, fresh + 1
            events.append(Event(*span, row[j], "appears", f"{now.found.kinds[j]} appears"))
    for i in range(before.found.count):
        if i not in pairs:
            events.append(Event(*span, known[i], "disappears",
                                f"{before.found.kinds[i]} disappears; {_whereto(ends[owners == i], row)}"))
        else:
            events += _changes(before.found, i, now.found, pairs[i], known[i], span)
    return tuple(row), sorted(events, key=lambda e: (e.identity, e.what))


def _costs(before: Identified, now: Identified, links: np.ndarray) -> np.ndarray:
    """Distance of each attractor before to each one now; infinite where they cannot be one."""
    scales = Scales(np.maximum(before.ground.extent, now.ground.extent), now.ground.circle)
    cost = np.full(links.shape, np.inf)
    for i in range(links.shape[0]):
        for j in range(links.shape[1]):
            if _own_image(before.found, i) == _own_image(now.found, j):
                apart = set_distance(scales, _cloud(before.found, i), _cloud(now.found, j))
                alone = links[i, j] == 1.0 and np.sum(links[:, j] > 0.0) == 1
                if alone:  # nobody else leads there, and it leads nowhere else
                    far = np.inf if before.found.kinds[i] == now.found.kinds[j] else ALONE
                else:
                    far = LINKED if links[i, j] >= 0.5 else NEAR
                if apart <= far:
                    cost[i, j] = apart + 1e-9
    return cost


def _cloud(found: AttractorSet, k: int) -> np.ndarray:
    assert found.points is not None
    return found.points.states[found.points.labels == k]


def _own_image(found: AttractorSet, k: int) -> tuple[bool, ...]:
    """Whether each symmetry maps the attractor to itself; False where there is no symmetry."""
    return tuple(int(images[k]) == k for name, images in found.stats.items() if name.startswith("symmetric_to"))


def _whereto(ends: np.ndarray, row: Sequence[int]) -> str:
    words = sorted({f"{row[j]}" if j >= 0 else {-1: "no answer", -2: "infinity"}.get(int(j), "no attractor")
                    for j in ends.tolist()})
    return f"its states now lead to {', '.join(words)}"


def _changes(before: AttractorSet, i: int, now: AttractorSet, j: int, identity: int,
             span: tuple[float, float]) -> list[Event]:
    if before.kinds[i] != now.kinds[j]:
        return [Event(*span, identity, "kind", f"{before.kinds[i]} becomes {now.kinds[j]}")]
    ratio = now.stats["period"][j] / before.stats["period"][i]
    if ratio > PERIOD_RATIO or ratio < 1.0 / PERIOD_RATIO:
        return [Event(*span, identity, "period", f"period changes by a factor {ratio:.4g}")]
    return []
