"""``statfe report``: write the report of stored scores again."""

from __future__ import annotations

import click

from statfe_cli.arguments import force_option, json_option


@click.command("report")
@click.argument("file", metavar="SCORES.h5|MACHINE.h5")
@click.option("-o", "--output", required=True, metavar="OUT/", help="Folder for the report, tables and figures.")
@click.option("--data", metavar="DATA.h5",
              help="Of a trained machine: data whose test part is reconstructed and mapped, with the shape of images.")
@click.option("--seed", type=click.IntRange(min=0), help="Of a trained machine: seed of its samples.  [default: 0]")
@force_option
@json_option
def command(file: str, output: str, data: str | None, seed: int | None, force: bool, as_json: bool) -> None:
    """Write the report of a scores.h5 again without computing anything, or draw a trained machine.

    \b
    statfe report out/scores.h5 -o again/
    statfe report machine.h5 --data digits.h5 -o machine/
    """
    from statfe.api import report
    from statfe_cli.output import print_json

    files = report(file, output, force=force, data=data, seed=seed)
    if as_json:
        print_json({name: str(path) for name, path in files.items()})
    else:
        click.echo("\n".join(f"wrote {path}" for path in files.values()))
