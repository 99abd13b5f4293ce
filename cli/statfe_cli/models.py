"""``statfe models``: the models there are."""

from __future__ import annotations

import click

from statfe_cli.arguments import json_option


@click.command("models")
@json_option
def command(as_json: bool) -> None:
    """List the models, their options, and the kinds that results on them can have."""
    from statfe.api import describe_models
    from statfe_cli.output import print_entries, print_json

    entries = describe_models()
    if as_json:
        print_json(entries)
    else:
        print_entries(entries)
