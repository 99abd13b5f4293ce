"""``statfe doctor``: is this installation sound?"""

from __future__ import annotations

import click

from statfe_cli.arguments import json_option


@click.command("doctor")
@json_option
def command(as_json: bool) -> int:
    """Check versions, the compile cache, kernels against exact values, HDF5, and speed."""
    from statfe.doctor import examine
    from statfe_cli.main import FAILURE
    from statfe_cli.output import print_json, table

    findings = examine()
    if as_json:
        print_json([f.to_dict() for f in findings])
    else:
        rows = [[f.name, f.verdict, f.detail] for f in findings]
        click.echo(table(["check", "", ""], rows, left=(0, 1, 2)))
    return 0 if all(f.verdict != "FAILED" for f in findings) else FAILURE
