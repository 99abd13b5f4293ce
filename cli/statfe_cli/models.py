"""``statfe models``: the models there are."""

from __future__ import annotations

import click

from statfe_cli.arguments import json_option


@click.command("models")
@json_option
def command(as_json: bool) -> None:
    """List the models, their options and defaults."""
    from statfe.models.catalogue import families
    from statfe_cli.output import print_entries, print_json

    entries = [family.to_dict() for family in families().values()]
    if as_json:
        print_json(entries)
    else:
        print_entries(entries)
