"""``statfe limit``: free energies a site in the thermodynamic limit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from statfe_cli.arguments import available_cpus, json_option, seed_option, workers_option

if TYPE_CHECKING:
    from statfe.limits.limit import Limit


@click.command("limit")
@click.argument("family")
@click.option("--beta", metavar="GRID", help="Inverse temperatures: 0.1:1.0:10 or 0.5,1,inf.")
@click.option("--ground-state", "cold", is_flag=True, help="The limit T -> 0 instead of a grid.")
@click.option("--solution", metavar="NAME",
              help="annealed, rs, 1rsb or parisi (sk), rs (hopfield), cavity or annealed (random-regular).")
@click.option("--field", type=float, default=0.0, show_default=True, help="Uniform field h.")
@click.option("--alpha", type=float, help="Patterns a spin (hopfield).")
@click.option("--degree", type=int, help="Neighbours of a site (random-regular).  [default: 3]")
@click.option("--couplings", metavar="KIND", help="bimodal, gaussian or ferro (random-regular).  [default: bimodal]")
@click.option("--p", type=float, help="Probability of +J among bimodal couplings.  [default: 0.5]")
@click.option("--steps", type=int, help="Steps of replica-symmetry breaking (parisi).  [default: 4]")
@click.option("--population", type=int, help="Fields in a population (cavity).  [default: 2000]")
@click.option("--burn", type=int, help="Sweeps of it before the first measurement.  [default: 100]")
@click.option("--sweeps", type=int, help="Measured sweeps of it.  [default: 100]")
@seed_option
@workers_option
@json_option
def command(
    family: str, beta: str | None, cold: bool, solution: str | None, field: float, alpha: float | None,
    degree: int | None, couplings: str | None, p: float | None, steps: int | None, population: int | None,
    burn: int | None, sweeps: int | None, seed: int | None, workers: int | None, as_json: bool) -> int:
    """Free energy, energy and entropy a site of FAMILY (sk, hopfield or random-regular) as N grows.

    Couplings are those of the models of that name with coupling=1. The stability is negative where the solution is
    unstable to breaking of the symmetry of replicas.

    \b
    statfe limit sk --beta 0.5:2:4 --solution rs
    statfe limit sk --ground-state --steps 8
    statfe limit hopfield --alpha 0.05 --beta 1,2,inf
    statfe limit random-regular --degree 3 --couplings gaussian --beta 1.5
    """
    import statfe
    from statfe.random import draw_seed
    from statfe_cli.main import NOT_CONVERGED
    from statfe_cli.output import print_json
    from statfe_cli.progress import progress_bar

    if (beta is None) == (not cold):
        raise click.UsageError("give one of --beta GRID and --ground-state")
    number = draw_seed() if seed is None else seed
    with progress_bar("limits") as progress:
        limits = statfe.thermodynamic_limit(
            family, beta or "inf", solution, field=field, seed=number, workers=workers or available_cpus(),
            progress=progress, alpha=alpha, degree=degree, couplings=couplings, p=p, steps=steps,
            population=population, burn=burn, sweeps=sweeps)
    assert isinstance(limits, list)
    if as_json:
        print_json([{**limit.to_dict(), "seed": number} for limit in limits])
    else:
        _print(limits, number)
    return 0 if all(limit.status == "converged" for limit in limits) else NOT_CONVERGED


def _print(limits: Sequence[Limit], seed: int) -> None:
    from statfe_cli.output import table, with_error

    first = limits[0]
    bound = ", a lower bound of the average over disorder" if first.bound else ""
    seeded = f", seed {seed}" if any(limit.beta_f_error for limit in limits) else ""
    click.echo(f"{first.family}, {first.solution}{bound}, field {first.field:g}{seeded}\n")
    rows = [[
        f"{x.beta:.6g}", with_error(x.free_energy, x.beta_f_error / x.beta if x.beta else 0.0, 9),
        with_error(x.beta_f, x.beta_f_error, 9), f"{x.energy:.6g}", f"{x.entropy:.5g}",
        "-" if x.stable is None else f"{x.stability:.4g}", _order(x)] for x in limits]
    head = ["beta", "f = F/N", "beta f", "energy", "entropy", "stability", "order parameters"]
    click.echo(table(head, rows, left=(6,)))
    for message in dict.fromkeys(x.message for x in limits if x.message):
        click.echo(message)


def _order(limit: Limit) -> str:
    """The short ones: numbers and words, not lists."""
    shown = {k: v for k, v in limit.order.items() if isinstance(v, (int, float, str)) and k in _SHOWN}
    return "  ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in shown.items())


_SHOWN = ("q", "m", "q_mean", "steps", "phase", "r", "growth")
