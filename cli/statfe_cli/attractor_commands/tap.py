"""``statfe attractors tap``: TAP solutions as attractors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from statfe_cli.arguments import available_cpus
from statfe_cli.tap_solutions import tap_options

if TYPE_CHECKING:
    from statfe.attractors.found import AttractorSet


@click.command("tap")
@click.argument("model")
@tap_options
def command(
    model: str, beta: str, starts: int, output: str | None, seed: int | None, workers: int | None, force: bool,
    as_json: bool) -> int:
    """Find the TAP solutions of MODEL against beta, in the layout of attractors.

    `beyond TAP` are minima where Plefka's parameter is 1 or more: the expansion does not hold there. What else is to be
    told of the solutions at one beta, ``statfe tap-solutions`` tells.

    \b
    statfe attractors tap sk:n=64,seed=1 --beta 0.5,1,2,5,10,20 -o tap.h5
    statfe attractors analyze tap.h5 -o out/
    """
    import statfe
    from statfe_cli.main import NOT_CONVERGED
    from statfe_cli.output import print_json
    from statfe_cli.progress import progress_bar

    with progress_bar("descents") as progress:
        found = statfe.tap_attractors(
            model, beta, output, starts=starts, seed=seed, workers=workers or available_cpus(), force=force,
            progress=progress)
    if as_json:
        print_json(found.to_dict())
    else:
        _print(found, output)
    return 0 if found.status == "converged" else NOT_CONVERGED


def _print(found: AttractorSet, output: str | None) -> None:
    import numpy as np

    from statfe_cli.output import table

    rows = []
    for beta in np.unique(found.stats["beta"]):
        here = found.stats["beta"] == beta
        sound = here & (found.stats["plefka"] < 1.0)
        lowest = f"{found.stats['beta_f'][sound].min():.8g}" if sound.any() else "-"
        rows.append([f"{beta:.6g}", str(int(sound.sum())), f"{found.basin_fraction[sound].sum():.3f}",
                     str(int(here.sum() - sound.sum())), lowest,
                     f"{found.stats['q'][sound].max():.4f}" if sound.any() else "-"])
    click.echo(f"{found.system}: seed {found.seed}")
    head = ["beta", "solutions", "share of starts", "beyond TAP", "lowest beta_f", "largest q"]
    click.echo(table(head, rows, left=()))
    if found.message:
        click.echo(found.message)
    if output:
        click.echo(f"\nwrote {output}")
