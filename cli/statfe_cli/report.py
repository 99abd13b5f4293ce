"""``statfe report``: make the report of a stored simulation again, or of stored scores."""

from __future__ import annotations

import click

from statfe_cli.arguments import force_option


@click.command("report")
@click.argument("file", metavar="SCORES.h5")
@click.option("-o", "--output", required=True, metavar="OUT/", help="Folder for the report, tables and figures.")
@force_option
def command(file: str, output: str, force: bool) -> None:
    """Write the report of a scores.h5 again, without computing anything."""
    from statfe.api import report

    for path in report(file, output, force=force).values():
        click.echo(f"wrote {path}")
