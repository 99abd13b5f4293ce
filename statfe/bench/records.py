"""What a run of `statfe bench samplers` found, as dataclasses, JSON and CSV."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from dataclasses import dataclass, field
from typing import Any

from statfe.result import plain

#: Version of the layout of samplers.json.
LAYOUT = "statfe-bench-samplers-1"


@dataclass(frozen=True)
class Rate:
    """How fast one program was on one workload.

    Attributes
    ----------
    replicas, temperatures
        Chains that moved together: `replicas` at each of the temperatures.
    rate, rate_low, rate_high
        Spin updates a nanosecond: median and range of the repeats.
    ns_per_flip
        Nanoseconds an update, median.
    seconds, sweeps
        Time of all repeats, and sweeps of one.
    bytes_per_spin
        Memory of the bank a chain and site, by the kernel's own account; None for other programs.
    set_up
        Seconds to make the chains, with the burn-in of those that fit themselves to the model in it.
    """

    workload: str
    model: str
    n_sites: int
    program: str
    version: str
    kernel: str
    sampler: str
    threads: int
    replicas: int
    temperatures: int
    rate: float
    rate_low: float
    rate_high: float
    ns_per_flip: float
    seconds: float
    sweeps: int
    repeats: int
    set_up: float
    bytes_per_spin: float | None
    settings: str


@dataclass(frozen=True)
class Ratio:
    """How many times as fast `fast` is as `slow`: median and range of the ratios within each round.

    Attributes
    ----------
    kind
        ``peer``: a kernel over another program; ``threads``: more threads over the first number of them.
    """

    workload: str
    kind: str
    kernel: str
    fast: str
    slow: str
    ratio: float
    low: float
    high: float
    rounds: list[float]


@dataclass(frozen=True)
class Share:
    """Share of the time that recording energy and magnetisation after every sweep takes, without exchanges."""

    workload: str
    kernel: str
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Skipped:
    """What was not timed, and why."""

    workload: str
    what: str
    reason: str


@dataclass
class Benchmark:
    """All figures of one run, and where they come from."""

    mode: str
    seed: int
    command: str
    created: str
    versions: dict[str, str]
    machine: dict[str, Any]
    peers: dict[str, str | None]
    rates: list[Rate] = field(default_factory=list)
    sizes: list[Rate] = field(default_factory=list)
    threads: list[Rate] = field(default_factory=list)
    ratios: list[Ratio] = field(default_factory=list)
    measuring: list[Share] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"layout": LAYOUT, **dataclasses.asdict(self)}

    def json_bytes(self) -> bytes:
        """Strict JSON in UTF-8."""
        return (json.dumps(plain(self.to_dict()), allow_nan=False, indent=1) + "\n").encode()

    def csv_bytes(self) -> bytes:
        """One row a rate; `part` says which table it belongs to."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        names = [f.name for f in dataclasses.fields(Rate)]
        writer.writerow(["part", *names])
        for part in ("rates", "threads", "sizes"):
            for row in getattr(self, part):
                writer.writerow([part, *("" if v is None else v for v in dataclasses.asdict(row).values())])
        return buffer.getvalue().encode()
