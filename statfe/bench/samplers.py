"""`bench_samplers`: spin updates a nanosecond by kernel, model, size and threads, beside other programs."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

from statfe.bench.contests import Bench, race_threads, race_workload, share_of_measuring
from statfe.bench.figure import draw_all
from statfe.bench.machine import load, machine
from statfe.bench.output import check_folder, write_folder
from statfe.bench.peers import installed
from statfe.bench.records import Benchmark
from statfe.bench.sizes import SIZES, sides, time_size
from statfe.bench.workloads import DEFAULT, FULL, QUICK, WORKLOADS, Workload
from statfe.errors import UsageError, unknown_name
from statfe.random import draw_seed
from statfe.sampling.choice import kernels
from statfe.store.provenance import created, source_commit, versions

MODES = {mode.name: mode for mode in (QUICK, DEFAULT, FULL)}
#: Files besides the figures.
FILES = ("samplers.json", "samplers.csv")

Tell = Callable[[str, float], None] | None


@dataclass(frozen=True)
class _Task:
    """A piece of work, and the laps it is worth."""

    label: str
    weight: float
    run: Callable[[], None]


def bench_samplers(
    *, mode: str = "default", workload_names: Sequence[str] = (), kernel_names: Sequence[str] = (),
    threads: Sequence[int] = (1, 2), repeats: int | None = None, seed: int | None = None, progress: Tell = None,
) -> Benchmark:
    """Time the samplers.

    Parameters
    ----------
    mode
        ``quick``, ``default`` or ``full``.
    workload_names
        Workloads to run, and ``sizes``; all of the mode when empty.
    kernel_names
        Kernels to time; when empty, the one that kernel=auto takes for each workload, and all over the sizes.
    threads
        Numbers of threads to compare, the first of them as the base.
    repeats
        Timings of each contestant.

    Raises
    ------
    UsageError
        An unknown name (with the nearest one), or fewer than one repeat or thread.
    """
    _check(mode, workload_names, kernel_names, threads, repeats)
    chosen = MODES[mode] if repeats is None else replace(MODES[mode], repeats=repeats, size_repeats=repeats)
    number = draw_seed() if seed is None else seed
    peers = installed()
    record = Benchmark(
        mode=mode, seed=number, created=created(), machine=machine(),
        command=_command(mode, workload_names, kernel_names, threads, repeats, number),
        versions={**versions(), **({"commit": source_commit()} if source_commit() else {})},
        peers={name: None if peer is None else peer.version for name, peer in peers.items()})
    bench = Bench(chosen, number, list(kernel_names), list(dict.fromkeys(threads)), peers, record)
    tasks = _tasks(bench, workload_names)
    total, done = sum(t.weight for t in tasks), 0.0
    for task in tasks:
        bench.tell = _part(progress, task, done, total)
        task.run()
        done += task.weight
    record.machine["load_average_after"] = load()
    return record


def _part(progress: Tell, task: _Task, done: float, total: float) -> Callable[[float], None] | None:
    """A callback for the share done of one task."""
    if progress is None:
        return None
    return lambda share: progress(task.label, min(1.0, (done + share * task.weight) / total))


def _check(mode: str, workload_names: Sequence[str], kernel_names: Sequence[str], threads: Sequence[int],
           repeats: int | None) -> None:
    known = {"mode": list(MODES), "workload": [*(w.name for w in WORKLOADS), SIZES], "kernel": list(kernels())}
    for what, names in (("mode", [mode]), ("workload", workload_names), ("kernel", kernel_names)):
        for name in names:
            if name not in known[what]:
                raise UsageError(unknown_name(what, name, known[what]))
    if not threads or min(threads) < 1:
        raise UsageError("the numbers of threads must be at least 1, such as 1,2")
    if repeats is not None and repeats < 1:
        raise UsageError(f"repeats must be at least 1, got {repeats}")


def _tasks(bench: Bench, names: Sequence[str]) -> list[_Task]:
    tasks: list[_Task] = []
    for w in WORKLOADS:
        if w.name in names or (not names and w.level <= bench.mode.level):
            tasks += _tasks_of(bench, w)
    if SIZES in names or not names:
        tasks += [
            _Task(f"2D Ising {side}x{side}", 2.0 + side**2 / 1e6, lambda side=side: time_size(bench, side))  # type: ignore[misc]
            for side in sides(bench)]
    return tasks


def _tasks_of(bench: Bench, w: Workload) -> list[_Task]:
    tasks = [_Task(w.name, 3.0, lambda: race_workload(bench, w))]
    if w.threads and len(bench.threads) > 1:
        tasks.append(_Task(f"{w.name}, threads", 1.5, lambda: race_threads(bench, w)))
    if w.measuring:
        tasks.append(_Task(f"{w.name}, energies", 1.5, lambda: share_of_measuring(bench, w)))
    return tasks


def _command(mode: str, workload_names: Sequence[str], kernel_names: Sequence[str], threads: Sequence[int],
             repeats: int | None, seed: int) -> str:
    words = ["statfe", "bench", "samplers", *([] if mode == "default" else [f"--{mode}"])]
    words += ["--workloads", ",".join(workload_names)] if workload_names else []
    words += ["--kernels", ",".join(kernel_names)] if kernel_names else []
    words += ["--threads", ",".join(map(str, threads))]
    words += ["--repeats", str(repeats)] if repeats is not None else []
    return shlex.join([*words, "--seed", str(seed)])


def check_bench_output(folder: str | PathLike[str], force: bool) -> None:
    """`statfe.bench.output.check_folder` for the files of this benchmark."""
    check_folder(folder, FILES, force)


def write_bench(record: Benchmark, folder: str | PathLike[str], force: bool = False) -> list[Path]:
    """Write samplers.json, samplers.csv and the figures into `folder`, which is made where it is missing."""
    return write_folder(folder, dict(zip(FILES, (record.json_bytes(), record.csv_bytes()), strict=True)),
                        draw_all(record), force)
