"""``statfe report``: write the report of stored scores again."""

from __future__ import annotations

import click

from statfe_cli.arguments import force_option, json_option


@click.command("report")
@click.argument("file", metavar="SCORES.h5")
@click.option("-o", "--output", required=True, metavar="OUT/", help="Folder for the report, tables and figures.")
@force_option
@json_option
def command(file: str, output: str, force: bool, as_json: bool) -> None:
    """Write the report of a scores.h5 again, without computing anything.

    \b
    statfe report out/scores.h5 -o again/
    """
    from statfe.api import report
    from statfe_cli.output import print_json

    files = report(file, output, force=force)
    if as_json:
        print_json({name: str(path) for name, path in files.items()})
    else:
        click.echo("\n".join(f"wrote {path}" for path in files.values()))
