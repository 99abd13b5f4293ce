"""``statfe methods``: the methods there are."""

from __future__ import annotations

import click

from statfe_cli.arguments import json_option


@click.command("methods")
@json_option
def command(as_json: bool) -> None:
    """List the methods, their options, and the kinds of result they give."""
    from statfe.api import describe_methods
    from statfe_cli.output import print_entries, print_json

    entries = describe_methods()
    if as_json:
        print_json(entries)
    else:
        print_entries(entries)
