"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click

Decorator = Callable[[Any], Any]


def available_cpus() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def together(*options: Decorator) -> Decorator:
    """One decorator for several options, in the order of the help."""

    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


beta_option = click.option(
    "--beta", "beta", required=True, metavar="GRID", help="Inverse temperatures: 0.1:1.0:10 or 0.2,0.44,1.")
seed_option = click.option(
    "--seed", type=click.IntRange(min=0), default=None, help="Seed of the run; drawn and recorded when not given.")
workers_option = click.option(
    "--workers", type=click.IntRange(min=1), default=None,
    help="Threads; results are the same bits for any number.  [default: all processors]")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
force_option = click.option("--force", is_flag=True, help="Replace existing output.")
output_option = click.option("-o", "--output", metavar="FILE.h5", help="HDF5 file to write.")
#: Of commands that write a file if asked to.
run_options = together(output_option, seed_option, workers_option, force_option, json_option)
