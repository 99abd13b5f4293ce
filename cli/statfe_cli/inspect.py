"""``statfe inspect``: what is in a file of ours."""

from __future__ import annotations

from typing import Any

import click

from statfe_cli.arguments import json_option


@click.command("inspect")
@click.argument("file", metavar="FILE.h5")
@json_option
def command(file: str, as_json: bool) -> None:
    """Show the attributes, groups and variables of a statfe HDF5 file."""
    from statfe.store.describe import describe
    from statfe_cli.output import print_json

    found = describe(file)
    if as_json:
        print_json(found)
        return
    for name, value in found["attributes"].items():
        click.echo(f"{name}: {value}")
    for group, variables in found["groups"].items():
        click.echo(f"\n{group}")
        for name, v in variables.items():
            click.echo(f"  {_line(name, v)}")


def _line(name: str, variable: dict[str, Any]) -> str:
    dims = ", ".join(f"{d}={n}" for d, n in zip(variable["dims"], variable["shape"], strict=True))
    return f"{name}({dims}) {variable['type']}: {variable['long_name']}"
