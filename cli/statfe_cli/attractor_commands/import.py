"""``statfe attractors import``: records of other programs."""
# ruff: noqa: N999  the file has the name of its command

from __future__ import annotations

import click

from statfe_cli.arguments import force_option, json_option


@click.command("import")
@click.argument("file")
@click.option("-o", "--output", required=True, metavar="DATA.h5", help="HDF5 file to write.")
@click.option("--columns", default=None, metavar="A,B,...",
              help="Columns by name or number from 0.  [default: all but the time]")
@click.option("--time", default=None, metavar="COLUMN", help="Column of the times, which must be even.")
@click.option("--step", type=click.FloatRange(min=0, min_open=True), default=None,
              help="Time between samples.  [default: 1]")
@click.option("--dataset", default=None, metavar="PATH", help="Array inside an HDF5 file.")
@click.option("--float32", is_flag=True, help="Store single precision.")
@force_option
@json_option
def command(file: str, output: str, columns: str | None, time: str | None, step: float | None, dataset: str | None,
            float32: bool, force: bool, as_json: bool) -> int:
    """Import the record FILE: text with columns, NPY, or HDF5.

    Arrays are (time,), (time, column) or (trajectory, time, column). Text has columns between commas, semicolons, tabs
    or blanks, and may begin with a line of names.

    \b
    statfe attractors import record.csv --time t -o data.h5
    statfe attractors import record.npy --step 0.01 --columns 0,2 -o data.h5
    statfe attractors import other.h5 --dataset run/positions --step 0.1 -o data.h5
    """
    from statfe.attractors.importing import import_data
    from statfe_cli.output import print_json

    found = import_data(file, output, columns=columns, time=time, step=step, dataset=dataset, float32=float32,
                        force=force)
    count, samples, _ = found.data.shape
    if as_json:
        print_json({"output": output, "trajectories": count, "samples": samples, "sampling_step": found.step,
                    "features": list(found.features), "command": found.attributes["command"]})
        return 0
    click.echo(f"{count} records of {samples} samples, one every {found.step:g}: {', '.join(found.features)}")
    click.echo(f"\nwrote {output}")
    return 0
