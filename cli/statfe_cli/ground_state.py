"""``statfe ground-state``: the lowest energy of a model by simulated annealing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from statfe_cli.arguments import available_cpus, force_option, json_option, seed_option, workers_option

if TYPE_CHECKING:
    from statfe.search.result import GroundState


@click.command("ground-state")
@click.argument("model")
@click.option("--reads", type=click.IntRange(min=1), default=1024, show_default=True,
              help="Independent annealing runs; those of +-J models go 64 a word.")
@click.option("--sweeps", type=click.IntRange(min=1), default=1000, show_default=True, help="Sweeps of a read.")
@click.option("--betas", metavar="GRID", help="Schedule, in this order: 0.1:3.0:50 or 0.1,0.5,1,3.")
@click.option("--beta-min", type=float, help="Hot end of the schedule.  [default: chosen from the model]")
@click.option("--beta-max", type=float, help="Cold end of the schedule.  [default: chosen from the model]")
@click.option("--target-energy", type=float, metavar="E",
              help="Count the reads that end at E or below, instead of those at the lowest energy found.")
@click.option("--states", type=click.IntRange(min=1), default=16, show_default=True,
              help="Most distinct states to keep.")
@click.option("--kernel", type=click.Choice(["auto", "bit-lane", "float-lane", "chain"]), default="auto",
              show_default=True, help="How spins are held and moved.")
@click.option("-o", "--output", metavar="FILE.h5", help="HDF5 file to write: states, energies of all reads, schedule.")
@seed_option
@workers_option
@force_option
@json_option
def command(
    model: str, reads: int, sweeps: int, betas: str | None, beta_min: float | None, beta_max: float | None,
    target_energy: float | None, states: int, kernel: str, output: str | None, seed: int | None,
    workers: int | None, force: bool, as_json: bool) -> int:
    """Search for the ground state of MODEL.

    Every read anneals from random spins and ends in a state that no single flip improves. The lowest energy found is
    an upper bound of the ground-state energy; it is certified where all couplings and fields are satisfied, or where
    an exact method is cheap.

    \b
    statfe ground-state ea:shape=6x6x6,seed=1
    statfe ground-state sk:n=100,seed=1 --reads 256 --sweeps 5000 -o sk.h5
    """
    import statfe
    from statfe_cli.output import print_json
    from statfe_cli.progress import progress_bar

    with progress_bar("annealing") as progress:
        found = statfe.ground_state(
            model, output, reads=reads, sweeps=sweeps, betas=betas, beta_min=beta_min, beta_max=beta_max,
            target_energy=target_energy, max_states=states, kernel=kernel, seed=seed,
            workers=workers or available_cpus(), force=force, progress=progress)
    if as_json:
        print_json(found.to_dict())
    else:
        _print(found)
    return 0


def _print(found: GroundState) -> None:
    model, schedule = found.model, found.schedule
    low, high = found.success_interval
    click.echo(f"{model.spec}: {model.n_sites} spins, {model.n_bonds} bonds")
    click.echo(
        f"{found.reads} reads x {schedule.sweeps} sweeps, beta {schedule.betas[0]:.4g} to {schedule.betas[-1]:.4g}, "
        f"{found.kernel}, seed {found.seed}, {found.seconds:.3g} s\n")
    click.echo(f"lowest energy     {found.energy:.12g}  ({found.per_site:.8g} a spin)")
    click.echo(f"                  {'certified' if found.certified else 'not certified'}: {found.certificate}")
    goal = "" if found.target_energy == found.energy else f" at {found.target_energy:.12g} or below"
    click.echo(f"reads that hit    {found.hits} of {found.reads}{goal}: {found.success:.4g}, 95% interval "
               f"{low:.4g} to {high:.4g}")
    click.echo(f"time a read       {_time(found.read_seconds)}")
    click.echo(f"time to solution  {_time(found.time_to_solution)} for 99%, 95% interval "
               f"{_time(found.time_interval[0])} to {_time(found.time_interval[1])}")
    click.echo(f"states kept       {len(found.states)} distinct ones, {len(found.lowest_states)} at the lowest energy")
    if found.path:
        click.echo(f"\nwrote {found.path}")


def _time(seconds: float) -> str:
    if seconds == float("inf"):
        return "unknown"
    for unit, name in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds * 1e6:.3g} us"
