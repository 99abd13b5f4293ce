"""``statfe profile``: beta F along the magnetisation or the energy, by umbrella sampling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from statfe_cli.arguments import available_cpus, force_option, json_option, seed_option, workers_option

if TYPE_CHECKING:
    from statfe.flat.profile import Profile

#: Most rows of the table that is printed.
ROWS = 21


@click.command("profile")
@click.argument("model")
@click.option("--beta", required=True, metavar="BETA", help="Inverse temperature.")
@click.option("--along", type=click.Choice(["magnetization", "energy"]), default="magnetization", show_default=True,
              help="Coordinate of the profile.")
@click.option("--windows", type=click.IntRange(min=1), help="Number of windows.  [default: by the coordinate's range]")
@click.option("--replicas", type=click.IntRange(min=2), default=4, show_default=True,
              help="Independent sets of windows.")
@click.option("--sweeps", type=click.IntRange(min=1),
              help="Measured sweeps a window.  [default: about 5 s of work]")
@click.option("-o", "--output", metavar="FILE.h5", help="HDF5 file to write.")
@click.option("--figure", metavar="FILE.svg", help="Figure to draw (needs statfe[report]).")
@seed_option
@workers_option
@force_option
@json_option
def command(
    model: str, beta: str, along: str, windows: int | None, replicas: int, sweeps: int | None, output: str | None,
    figure: str | None, seed: int | None, workers: int | None, force: bool, as_json: bool) -> int:
    """beta F of MODEL along its magnetisation or energy at one beta.

    Windows along the coordinate are sampled with exchanges and joined. Values are absolute: along the magnetisation
    the saturated state is one known state, along the energy there are 2^N states in all.

    \b
    statfe profile ising:shape=16x16 --beta 0.5 -o profile.h5 --figure profile.svg
    statfe profile curie-weiss:n=100 --beta 1.5 --json
    """
    import statfe
    from statfe_cli.output import print_json
    from statfe_cli.progress import progress_bar

    with progress_bar("windows") as progress:
        found = statfe.free_energy_profile(
            model, beta, along, output, figure=figure, windows=windows, replicas=replicas, sweeps=sweeps, seed=seed,
            workers=workers or available_cpus(), force=force, progress=progress)
    if as_json:
        print_json({**found.to_dict(), "figure": figure})
    else:
        _print(found, figure)
    if found.status != "converged":
        click.echo(f"statfe: {found.status.replace('_', ' ')}: {found.message}", err=True)
        return 3
    return 0


def _print(found: Profile, figure: str | None) -> None:
    from statfe_cli.output import table, with_error

    total = found.total
    click.echo(f"{found.model.spec}: beta {found.beta:g}, {found.windows} windows x {found.replicas} replicas x "
               f"{found.sweeps} sweeps, seed {found.seed}, {found.seconds:.3g} s\n")
    name = "M" if found.along == "magnetization" else "E"
    step = -(-len(found.coordinate) // ROWS)
    chosen = range(0, len(found.coordinate), step)
    click.echo(table([name, f"beta F({name})"], [
        [f"{found.coordinate[k]:g}", with_error(float(found.beta_f[k]), float(found.error[k]))] for k in chosen]))
    if step > 1:
        click.echo(f"(every {step}. of {len(found.coordinate)} values; all are in the file and in --json)")
    click.echo(f"\nbeta F of all states  {with_error(total.beta_f, total.beta_f_error)}")
    click.echo(f"barrier               {found.barrier:.4g}")
    for path in (found.path, figure):
        if path:
            click.echo(f"wrote {path}")
