"""``statfe density-of-states``: how many states a model has at each energy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from statfe_cli.arguments import available_cpus, force_option, json_option, seed_option, workers_option

if TYPE_CHECKING:
    from statfe.density.result import DensityOfStates

#: Most rows of the table that is printed, and most digits of a count.
ROWS, DIGITS = 40, 24


@click.command("density-of-states")
@click.argument("model")
@click.option("--method", default="auto", show_default=True, metavar="SPEC",
              help="enumeration, transfer-matrix (exact integers on narrow graphs), wang-landau (an estimate, options "
                   "such as wang-landau:sweeps=50000), or auto: the cheaper exact one.")
@click.option("--bins", type=click.IntRange(min=1), metavar="N",
              help="Bins of a histogram of the energies.  [default: none where couplings are whole multiples of one J]")
@click.option("-o", "--output", metavar="FILE.h5", help="HDF5 file to write.")
@click.option("--figure", metavar="FILE.svg", help="Figure to draw (needs statfe[report]).")
@seed_option
@workers_option
@force_option
@json_option
def command(
    model: str, method: str, bins: int | None, output: str | None, figure: str | None, seed: int | None,
    workers: int | None, force: bool, as_json: bool) -> int:
    """Number of states g(E) of MODEL at each energy E, and the entropy ln g.

    Exact whole numbers where the couplings are multiples of one J and the model is small or narrow; a histogram for
    small models with other couplings; an estimate by Wang-Landau for the rest.

    \b
    statfe density-of-states ising:shape=8x8 -o g.h5 --figure g.svg
    statfe density-of-states sk:n=28,seed=1 --bins 500
    statfe density-of-states ising:shape=32x32 --method wang-landau --json
    """
    import statfe
    from statfe_cli.main import NOT_CONVERGED
    from statfe_cli.output import print_json
    from statfe_cli.progress import progress_bar

    with progress_bar("counting states") as progress:
        found = statfe.density_of_states(
            model, output, method=method, bins=bins, figure=figure, seed=seed, workers=workers or available_cpus(),
            force=force, progress=progress)
    if as_json:
        print_json({**found.to_dict(), "figure": figure})
    else:
        _print(found, figure)
    if found.status != "converged":
        click.echo(f"statfe: {found.status.replace('_', ' ')}: {found.message}", err=True)
        return NOT_CONVERGED
    return 0


def _print(found: DensityOfStates, figure: str | None) -> None:
    from statfe_cli.output import table, with_error

    seed = f", seed {found.seed}" if found.seed is not None else ""
    click.echo(f"{found.model.spec}: {found.n_sites} spins, {len(found.energy)} levels by {found.method} ({found.kind}"
               f"{seed}), {found.seconds:.3g} s")
    if found.status == "converged" and found.message:
        click.echo(found.message)
    step = -(-len(found.energy) // ROWS)
    short = found.counts is not None and max(found.counts) < 10**DIGITS
    rows = []
    for k in range(0, len(found.energy), step):
        row = [f"{found.energy[k]:.10g}", with_error(float(found.log_g[k]), float(found.log_g_error[k])),
               f"{found.log_g[k] / found.n_sites:.8f}"]
        rows.append([*row, str(found.counts[k])] if short and found.counts else row)
    click.echo()
    click.echo(table(["E", "ln g", "S / N", *(["g"] if short else [])], rows, left=()))
    if step > 1:
        click.echo(f"(every {step}. of {len(found.energy)} levels; all are in the file and in --json)")
    click.echo(f"\nln of all states  {found.total:.12g}  (N ln 2 = {found.n_sites * 0.6931471805599453:.12g})")
    for path in (found.path, figure):
        if path:
            click.echo(f"wrote {path}")
