"""``statfe tap-solutions``: all solutions of the TAP equations that many starts lead to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from statfe_cli.arguments import available_cpus, beta_option, run_options, together

if TYPE_CHECKING:
    from statfe.search.tap_solutions_result import Attractors, TapSolutions

#: Solutions listed at one beta.
LISTED = 10

#: Of both commands that descend to TAP solutions.
tap_options = together(
    beta_option,
    click.option("--starts", type=click.IntRange(min=1), default=1000, show_default=True,
                 help="Descents from independent random starts at each beta."),
    run_options)


@click.command("tap-solutions")
@click.argument("model")
@tap_options
def command(
    model: str, beta: str, starts: int, output: str | None, seed: int | None, workers: int | None, force: bool,
    as_json: bool) -> int:
    """Count the solutions of the TAP equations of MODEL.

    Descents of the TAP free energy from random starts end at its minima. Told of each: beta F, the smallest eigenvalue
    of the Hessian, Plefka's parameter, and its basin, the share of starts that it attracts; and how many solutions
    were probably missed. Without fields a solution and its global flip count as one.

    \b
    statfe tap-solutions sk:n=100,seed=1 --beta 1.5,3
    statfe tap-solutions sk:n=50,seed=1 --beta 1:4:7 --starts 5000 -o tap.h5
    """
    import statfe
    from statfe_cli.main import NOT_CONVERGED
    from statfe_cli.output import print_json
    from statfe_cli.progress import progress_bar

    with progress_bar("descents") as progress:
        found = statfe.tap_solutions(
            model, beta, output, starts=starts, seed=seed, workers=workers or available_cpus(), force=force,
            progress=progress)
    if as_json:
        print_json(found.to_dict())
    else:
        _print(found)
    return 0 if found.converged else NOT_CONVERGED


def _print(found: TapSolutions) -> None:
    click.echo(f"{found.model.spec}: {found.model.n_sites} spins, {found.starts} starts a beta, seed {found.seed}, "
               f"{found.seconds:.3g} s")
    for at in found.at:
        _print_beta(at, found.model.n_sites)
    if found.path:
        click.echo(f"\nwrote {found.path}")


def _print_beta(at: Attractors, n_sites: int) -> None:
    from statfe_cli.output import table, with_error

    click.echo(f"\nbeta {at.beta:.6g}: {len(at.beta_f)} solutions, {at.not_converged} starts did not converge")
    if not len(at.beta_f):
        return
    click.echo(f"  a new solution from one more start: {with_error(at.unseen_basin, at.unseen_basin_error, 3)}; "
               f"missed: {with_error(at.missed, at.missed_error, 3)} or more")
    rows = [
        [str(k + 1), f"{at.beta_f[k]:.10g}", f"{at.beta_f[k] / n_sites:.8f}", f"{at.stabilities[k]:.3g}",
         f"{at.plefka[k]:.3g}", with_error(float(at.basins[k]), float(at.basin_errors[k]), 3),
         f"{at.overlaps[k]:.4f}"] for k in range(min(LISTED, len(at.beta_f)))]
    click.echo(table(["", "beta_f", "beta_f / N", "stability", "Plefka", "basin", "overlap"], rows, left=()))
    if len(at.beta_f) > LISTED:
        click.echo(f"... and {len(at.beta_f) - LISTED} above")
