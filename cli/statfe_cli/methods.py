"""``statfe methods``: the methods there are."""

from __future__ import annotations

import click

from statfe_cli.arguments import json_option


@click.command("methods")
@json_option
def command(as_json: bool) -> None:
    """List the methods, their options, and the kinds of result they give."""
    from statfe.registry import methods
    from statfe_cli.output import print_entries, print_json

    entries = [method.to_dict() for method in methods().values()]
    if as_json:
        print_json(entries)
    else:
        print_entries(entries)
