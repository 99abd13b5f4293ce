"""What `statfe bench references` found, as dataclasses, JSON and CSV."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from statfe.result import plain

#: Version of the layout of references.json.
LAYOUT = "statfe-bench-references-1"


@dataclass(frozen=True)
class Calibration:
    """Many runs of one method on one model, against the exact value.

    Attributes
    ----------
    z
        (beta F - exact) / error of every run that converged, in the order of the seeds.
    runs, converged
        How many there were.
    rms_error, claimed_error
        Root mean square of the distance from the exact value, and of the errors that the runs gave, a site.
    seconds
        Of one run, mean.
    """

    case: str
    model: str
    beta: float
    method: str
    runs: int
    converged: int
    z: list[float]
    rms_error: float
    claimed_error: float
    seconds: float
    reason: str = ""

    @property
    def summary(self) -> Spread:
        """Mean, spread and coverage of z."""
        return Spread.of(self.z)


@dataclass(frozen=True)
class Spread:
    """Mean, standard deviation and coverage of z-scores; a right error gives 0, 1, 0.683 and 0.954."""

    count: int
    mean: float
    deviation: float
    within_one: float
    within_two: float
    largest: float

    @classmethod
    def of(cls, z: Sequence[float]) -> Spread:
        """Of the scores `z`; NaN where there are none."""
        n = len(z)
        if n == 0:
            return cls(0, *[math.nan] * 5)
        mean = math.fsum(z) / n
        deviation = math.sqrt(math.fsum((x - mean) ** 2 for x in z) / (n - 1)) if n > 1 else math.nan
        return cls(
            n, mean, deviation, sum(abs(x) <= 1.0 for x in z) / n, sum(abs(x) <= 2.0 for x in z) / n,
            max(abs(x) for x in z))


@dataclass(frozen=True)
class Budget:
    """A method that had so many seconds on a model.

    Attributes
    ----------
    error, claimed
        Root mean square distance from the exact value over the runs, and of the errors given, a site.
    to_target
        Seconds to an error of `TARGET` a site if the error falls as one over the root of the time.
    converged
        Runs that did, of `runs`.
    """

    case: str
    model: str
    beta: float
    method: str
    seconds: float
    runs: int
    converged: int
    error: float
    claimed: float
    to_target: float
    note: str = ""


@dataclass(frozen=True)
class Accuracy:
    """A run towards a target error."""

    title: str
    model: str
    beta: float
    target: float
    limit: float
    seconds: float
    error: float
    distance: float
    sigmas: float
    status: str
    threads: int


@dataclass
class References:
    """All figures of one run, and where they come from."""

    mode: str
    seed: int
    command: str
    created: str
    versions: dict[str, str]
    machine: dict[str, Any]
    calibrations: list[Calibration] = field(default_factory=list)
    budgets: list[Budget] = field(default_factory=list)
    accuracies: list[Accuracy] = field(default_factory=list)

    def by_method(self) -> dict[str, list[float]]:
        """All z-scores of each method, over the models."""
        found: dict[str, list[float]] = {}
        for c in self.calibrations:
            found.setdefault(c.method, []).extend(c.z)
        return found

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        spreads = {name: dataclasses.asdict(Spread.of(z)) for name, z in self.by_method().items()}
        rows = [{**dataclasses.asdict(c), "summary": dataclasses.asdict(c.summary)} for c in self.calibrations]
        return {"layout": LAYOUT, **dataclasses.asdict(self), "calibrations": rows, "spreads": spreads}

    def json_bytes(self) -> bytes:
        """Strict JSON in UTF-8."""
        return (json.dumps(plain(self.to_dict()), allow_nan=False, indent=1) + "\n").encode()

    def csv_bytes(self) -> bytes:
        """One row a method and model of the calibration, without the single scores."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        names = [f.name for f in dataclasses.fields(Calibration) if f.name != "z"]
        spread = [f.name for f in dataclasses.fields(Spread)]
        writer.writerow([*names, *(f"z_{n}" for n in spread)])
        for c in self.calibrations:
            writer.writerow([*(getattr(c, n) for n in names), *(getattr(c.summary, n) for n in spread)])
        return buffer.getvalue().encode()
