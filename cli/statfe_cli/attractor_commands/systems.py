"""``statfe attractors systems``: what there is."""

from __future__ import annotations

import click

from statfe_cli.arguments import json_option


@click.command("systems")
@json_option
def command(as_json: bool) -> None:
    """List the dynamical systems, with options, defaults and sources."""
    from statfe.systems.catalogue import families
    from statfe_cli.output import print_json, table

    found = [family.to_dict() for family in families().values()]
    if as_json:
        print_json(found)
    else:
        rows = [[f["name"], f["family"], f["summary"]] for f in found]
        click.echo(table(["system", "family", "what it is"], rows, left=(0, 1, 2)))
