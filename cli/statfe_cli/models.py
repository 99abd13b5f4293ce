"""``statfe models``: the models there are, and the facts of one."""

from __future__ import annotations

import click

from statfe_cli.arguments import json_option


@click.command("models")
@click.argument("model", required=False)
@json_option
def command(model: str | None, as_json: bool) -> None:
    """List the models, their options, and the kinds that results on them can have.

    With MODEL, such as ea:shape=8x8,seed=1, show its facts: spins, bonds, loops and their frustration.
    """
    from statfe.api import describe_models, facts
    from statfe_cli.output import print_entries, print_json, table

    if model is not None:
        found = facts(model)
        if as_json:
            print_json(found)
        else:
            rows = [[name.replace("_", " "), "-" if value is None else str(value)] for name, value in found.items()]
            click.echo(table([model, ""], rows, left=(0, 1)))
        return
    entries = describe_models()
    if as_json:
        print_json(entries)
    else:
        print_entries(entries)
