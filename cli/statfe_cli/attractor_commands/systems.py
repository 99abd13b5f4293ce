"""``statfe attractors systems``: what there is, and the facts of one."""

from __future__ import annotations

import click

from statfe_cli.arguments import json_option


@click.command("systems")
@click.argument("system", required=False)
@json_option
def command(system: str | None, as_json: bool) -> None:
    """List the dynamical systems, with options, defaults and sources.

    With SYSTEM, such as lorenz96:n=8, file:my.toml or file:my.py,a=2, show its law, numbers, symmetries and known
    values.
    """
    from statfe.systems.describe import describe_systems, fact_rows, system_facts
    from statfe_cli.output import print_entries, print_json, table

    if system is not None:
        found = system_facts(system)
        if as_json:
            print_json(found)
        else:
            (head, spec), *rows = fact_rows(found)
            click.echo(table([head, spec], rows, left=(0, 1)))
        return
    entries = describe_systems()
    if as_json:
        print_json(entries)
    else:
        print_entries(entries)
