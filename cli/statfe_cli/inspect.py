"""``statfe inspect``: what is in a file of ours."""

from __future__ import annotations

from typing import Any

import click

from statfe_cli.arguments import json_option


@click.command("inspect")
@click.argument("file", metavar="FILE.h5")
@json_option
def command(file: str, as_json: bool) -> None:
    """Show the attributes, groups and variables of a statfe HDF5 file, and what a trained machine in it is."""
    from statfe.scoring.machines.summary import machine_summary
    from statfe.store.describe import describe
    from statfe_cli.output import print_json

    found, machine = describe(file), machine_summary(file)
    if as_json:
        print_json(found | ({"machine": machine} if machine else {}))
        return
    for name, value in machine.items():
        click.echo(f"{name}: {value}" if not isinstance(value, float) else f"{name}: {value:.6g}")
    if machine:
        click.echo("")
    for name, value in found["attributes"].items():
        click.echo(f"{name}: {value}")
    for group, variables in found["groups"].items():
        click.echo(f"\n{group}")
        for name, v in variables.items():
            click.echo(f"  {_line(name, v)}")


def _line(name: str, variable: dict[str, Any]) -> str:
    dims = ", ".join(f"{d}={n}" for d, n in zip(variable["dims"], variable["shape"], strict=True))
    return f"{name}({dims}) {variable['type']}: {variable['long_name']}"
