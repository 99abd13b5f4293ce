"""The search common to all methods: follow, group, verify; follow on what was only a saddle.

A method follows all starts and says where each ended: in a group of its own making, escaped, or nowhere yet. Each group
is verified. Starts whose group was a saddle or a transient are followed on, for longer, from where they are; after the
last round they have not converged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol

import numpy as np

from statfe.attractors.basins.ground import Ground
from statfe.attractors.basins.matching import one_attractor
from statfe.attractors.basins.verify import Finding
from statfe.attractors.basins.volume import contraction
from statfe.attractors.found import ESCAPED, NONE_FOUND, NOT_CONVERGED
from statfe.executors import map_tasks

#: Rounds; each looks twice as long as the one before, up to a limit of the method.
ROUNDS = 6
#: Pilot runs that are asked whether volumes are kept.
LOOKED_AT = 16
#: Times in a round that progress is told.
TELL = 100
#: Lifetimes of a transient that its runs are followed for before the next look.
PATIENCE = 1.5


@dataclass(eq=False)
class Group:
    """Runs that ended together: a number, their last states, and samples of the longest look."""

    number: int
    states: list[np.ndarray]
    longest: int


@dataclass(frozen=True, eq=False)
class Outcome:
    """End of one run in one round: ``group``, ``escaped`` or ``open``; samples it took."""

    end: str
    state: np.ndarray
    samples: int
    group: Group | None


class Method(Protocol):
    """What a method of search does; its groups keep their numbers over the rounds.

    A patient one looks again, for longer, at runs that ended nowhere; others have spent their time on them.
    """

    name: str
    patient: bool
    workers: int

    def round(self, starts: Sequence[int], states: np.ndarray, number: int,
              tell: Callable[[], None] = lambda: None) -> list[Outcome]:
        """Where each run ended; `tell` is called whenever one has."""

    def judge(self, group: Group) -> Finding:
        """What a group is."""


@dataclass(eq=False)
class Search:
    """What was found.

    Attributes
    ----------
    labels
        Number of the finding of each start, or one of the answers; int64, shape (start,).
    findings
        By number of the group: verified ones of all verdicts.
    visits
        Starts that came by each group, by its number.
    ends
        Last state of each start, shape (start, dimension).
    same
        By number of the group: the first group that is the same attractor, itself where there is none.
    """

    labels: np.ndarray
    ends: np.ndarray
    same: dict[int, int] = field(default_factory=dict)
    findings: dict[int, Finding] = field(default_factory=dict)
    visits: dict[int, int] = field(default_factory=dict)


def conservative(ground: Ground, states: np.ndarray) -> bool:
    """Whether volumes are kept all over the pilot runs."""
    return len(states) > 0 and contraction(ground, states[:LOOKED_AT]).kept


def search(ground: Ground, method: Method, starts: np.ndarray, seed: int,
           progress: Callable[[str, float], None] | None = None) -> Search:
    """Follow all starts round by round until each has an answer or the rounds are over."""
    found = Search(np.full(len(starts), NOT_CONVERGED, dtype=np.int64), starts.copy())
    active = np.arange(len(starts))
    for number in range(ROUNDS):
        tell = _teller(progress, len(active), len(starts))
        outcomes = method.round(active.tolist(), found.ends[active], number, tell)
        rest = []
        for start, outcome in zip(active.tolist(), outcomes, strict=True):
            found.ends[start] = outcome.state
            if outcome.end == "escaped":
                found.labels[start] = ESCAPED
            elif outcome.group is not None:
                key = outcome.group.number
                found.visits[key] = found.visits.get(key, 0) + 1
                found.labels[start] = key
            elif not _keeps_volume(ground, outcome.state):
                rest += [start] if method.patient else []
            else:
                found.labels[start] = NONE_FOUND
        rest += _settle(ground, method, found, outcomes, active.tolist(), seed, number)
        active = np.array(sorted(rest), dtype=np.int64)
        if progress is not None:
            progress("following starts", 1.0 - len(active) / len(starts))
        if not len(active):
            break
    return found


def _teller(progress: Callable[[str, float], None] | None, active: int, starts: int) -> Callable[[], None]:
    """Tells how many runs have ended, from any thread, a hundred times a round at most."""
    done, one_at_a_time = 0, Lock()

    def tell() -> None:
        nonlocal done
        with one_at_a_time:
            done += 1
            if progress is not None and done < active and done % max(1, active // TELL) == 0:
                progress("following starts", (starts - active + done) / starts)

    return tell


def _settle(ground: Ground, method: Method, found: Search, outcomes: Sequence[Outcome], active: Sequence[int],
            seed: int, number: int) -> list[int]:
    """Judge the new groups; gives the starts that must go on."""
    groups = {o.group.number: o.group for o in outcomes if o.group is not None}
    for key in sorted(groups):
        if key not in found.findings:
            found.findings[key] = method.judge(groups[key])
            found.same[key] = _known(ground, found, key)
    again = []
    for start, outcome in zip(active, outcomes, strict=True):
        if outcome.group is None:
            continue
        found.labels[start] = found.same[outcome.group.number]
        finding = found.findings[outcome.group.number]
        if finding.verdict == "none":
            found.labels[start] = NONE_FOUND
        elif finding.verdict != "attractor":
            found.labels[start] = NOT_CONVERGED
        if finding.verdict in ("saddle", "settling"):
            # runs in a transient that is left, or that settles, at this rate are not looked at before most have
            wait = PATIENCE / abs(finding.stability) if finding.kind == "transient" and finding.stability else 0.0
            again.append((start, wait))

    def further(task: tuple[int, float]) -> np.ndarray:
        start, wait = task
        x = ground.nudge(found.ends[start], seed, 1 + number, start, size=1e-9)
        return ground.follow(x, wait).state if wait else x

    for (start, _), state in zip(again, map_tasks(further, again, method.workers), strict=True):
        found.ends[start] = state
    return [start for start, _ in again]


def _known(ground: Ground, found: Search, key: int) -> int:
    """The first group that is the same attractor or saddle point."""
    mine = found.findings[key]
    for other, finding in found.findings.items():
        if other != key and found.same[other] == other and finding.verdict == mine.verdict == "attractor" and (
                one_attractor(ground, mine, finding)):
            return other
    return key


def _keeps_volume(ground: Ground, x: np.ndarray) -> bool:
    return not ground.lossy and contraction(ground, x[None]).kept
