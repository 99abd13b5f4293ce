"""``statfe attractors continue``: attractors followed along a parameter."""  # noqa: N999

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from statfe_cli.arguments import available_cpus, run_options
from statfe_cli.attractor_commands.identify import found_dict, search_options

if TYPE_CHECKING:
    from statfe.attractors.basins.continuation import Continuation


@click.command("continue")
@click.argument("system")
@click.option("--parameter", required=True, metavar="NAME=GRID",
              help="Parameter and its values, in this order: rho=10:30:21 or rho=30,29,28.")
@click.option("--starts", type=click.IntRange(min=1), default=200, show_default=True,
              help="Random starts at each value, beside states on the attractors of the value before.")
@search_options
@run_options
def command(
    system: str, parameter: str, starts: int, method: str, box: str | None, cells: int | None, output: str | None,
    seed: int | None, workers: int | None, force: bool, as_json: bool) -> int:
    """Follow the attractors of SYSTEM along a parameter.

    An attractor keeps its number as long as its states lead to one that is near and as symmetric as it was. What
    appears, disappears or changes its kind or period is an event: a bifurcation lies between the two values.

    \b
    statfe attractors continue lorenz63 --parameter rho=0.5:30:60 -o lorenz.h5
    """
    import statfe
    from statfe_cli.main import NOT_CONVERGED
    from statfe_cli.output import print_json
    from statfe_cli.progress import progress_bar

    with progress_bar("values") as progress:
        done = statfe.continue_attractors(
            system, parameter, output, starts=starts, method=method, box=box, seed=seed,
            workers=workers or available_cpus(), cells=cells, force=force, progress=progress)
    if as_json:
        print_json(_as_dict(done))
    else:
        _print(done)
        if output:
            click.echo(f"wrote {output}")
    return 0 if done.converged else NOT_CONVERGED


def _as_dict(done: Continuation) -> dict[str, Any]:
    from dataclasses import asdict

    rows = []
    for value, found, identities in zip(done.values, done.sets, done.identities, strict=True):
        entry = found_dict(found)
        for attractor, identity in zip(entry["attractors"], identities, strict=True):
            attractor["identity"] = identity
        rows.append({"value": value, **entry})
    return {"system": done.system, "parameter": done.parameter, "seed": done.seed, "values": rows,
            "events": [asdict(event) for event in done.events]}


def _print(done: Continuation) -> None:
    from statfe_cli.output import table, with_error

    click.echo(f"{done.system} along {done.parameter}: {done.count} attractors, seed {done.seed}")
    rows = []
    for value, found, identities in zip(done.values, done.sets, done.identities, strict=True):
        order = sorted(range(found.count), key=lambda j: identities[j])
        words = [f"{identities[j]}: {found.kinds[j]} "
                 f"{with_error(found.basin_fraction[j], found.basin_fraction_error[j])}" for j in order]
        lost = 1.0 - float(found.basin_fraction.sum())
        rows.append([f"{value:.6g}", "; ".join(words) or "-", f"{lost:.3g}" if lost > 1e-12 else "-",
                     "" if found.status == "converged" else found.status])
    click.echo(table([done.parameter, "attractors", "elsewhere", "status"], rows, left=(1, 3)))
    for event in done.events:
        click.echo(f"between {event.before:.6g} and {event.after:.6g}: attractor {event.identity}: {event.message}")
    for message in dict.fromkeys(found.message for found in done.sets if found.message):
        click.echo(message)
