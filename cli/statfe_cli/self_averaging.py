"""``statfe self-averaging``: how the sample-to-sample spread of the free energy falls with size."""

from __future__ import annotations

import click

from statfe_cli.arguments import available_cpus, force_option, json_option, seed_option, workers_option


@click.command("self-averaging")
@click.argument("targets", nargs=-1, required=True, metavar="RUN.h5|MODEL...")
@click.option("--beta", metavar="GRID", help="Inverse temperatures, where a MODEL is given.")
@click.option("--disorder", type=int, default=1000, show_default=True, metavar="M", help="Realisations of each MODEL.")
@click.option("--sweeps", type=click.IntRange(min=1), default=10_000, show_default=True,
              help="Measured sweeps of each realisation that is sampled.")
@click.option("--solve", default="auto", show_default=True, metavar="auto|exact|sampled",
              help="How realisations are solved.")
@click.option("-o", "--output", metavar="FIGURE.svg", help="Figure to write.")
@seed_option
@workers_option
@force_option
@json_option
def command(targets: tuple[str, ...], beta: str | None, disorder: int, sweeps: int, solve: str, output: str | None,
            seed: int | None, workers: int | None, force: bool, as_json: bool) -> int:
    """Fit R = Var(beta F) / [beta F]^2 against the number of spins.

    Each target is a file that `simulate --disorder` wrote, or the spec of a model with disorder.

    \b
    statfe self-averaging sk:n=16 sk:n=20 sk:n=24 --beta 0.5,1.5 --disorder 400
    statfe self-averaging small.h5 large.h5 -o spread.svg
    """
    import statfe
    from statfe_cli.disordered import print_self_averaging
    from statfe_cli.main import NOT_CONVERGED
    from statfe_cli.progress import progress_bar

    with progress_bar("realisations") as progress:
        found = statfe.self_averaging(
            targets, beta, realisations=disorder, sweeps=sweeps, solve=solve, seed=seed,
            workers=workers or available_cpus(), output=output, force=force, progress=progress)
    print_self_averaging(found, as_json)
    if output and not as_json:
        click.echo(f"wrote {output}")
    return 0 if found.converged else NOT_CONVERGED
