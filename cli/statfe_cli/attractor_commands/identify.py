"""``statfe attractors identify``: all attractors of a system, and their basins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from statfe_cli.arguments import available_cpus, run_options, together

if TYPE_CHECKING:
    from statfe.attractors.found import AttractorSet

#: Attractors listed, and coordinates of a state.
LISTED, COORDINATES = 20, 4

#: How attractors are searched for, here and along a parameter.
search_options = together(
    click.option("--method", type=click.Choice(["recurrences", "features"]), default="recurrences", show_default=True,
                 help="How attractors are told apart."),
    click.option("--box", metavar="x=LOW:HIGH,...", help="Box of the starts; other coordinates keep the system's own."),
    click.option("--cells", type=click.IntRange(min=2),
                 help="Cells along an extent.  [default: chosen by a pilot run]"))


@click.command("identify")
@click.argument("system")
@click.option("--starts", type=click.IntRange(min=1), default=1000, show_default=True, help="Random starts in the box.")
@search_options
@click.option("--plane", metavar="x,y,N", help="Image of the basins on a plane through the middle of the box.")
@click.option("--second-seed", type=click.IntRange(min=0), help="Search again from other starts; test the shares.")
@run_options
def command(
    system: str, starts: int, method: str, box: str | None, cells: int | None, plane: str | None,
    second_seed: int | None, output: str | None, seed: int | None, workers: int | None, force: bool,
    as_json: bool) -> int:
    """Find the attractors of SYSTEM and the share of random starts that each attracts.

    Every candidate is followed for longer from nudged copies, so that saddles and transients are not taken for
    attractors. Starts that do not converge, that escape to infinity, and that have no attractor to go to are three
    different answers. Attractors are numbered from 0, the largest basin first, as in files and reports.

    \b
    statfe attractors identify lorenz63:rho=24.4 --starts 2000 --second-seed 2
    statfe attractors identify henon --box x=-2:2,y=-2:2 --plane x,y,100 -o henon.h5
    """
    import statfe
    from statfe_cli.main import NOT_CONVERGED
    from statfe_cli.output import print_json
    from statfe_cli.progress import progress_bar

    with progress_bar("starts") as progress:
        found = statfe.identify_attractors(
            system, output, starts=starts, method=method, box=box, seed=seed, workers=workers or available_cpus(),
            cells=cells, plane=plane, second_seed=second_seed, force=force, progress=progress)
    if as_json:
        print_json(found_dict(found))
    else:
        click.echo(found_table(found))
        if second_seed is not None:
            click.echo(_agreement(found))
        if output:
            click.echo(f"wrote {output}")
    return 0 if found.status == "converged" else NOT_CONVERGED


def found_dict(found: AttractorSet) -> dict[str, Any]:
    """An `AttractorSet` for programs."""
    import numpy as np

    rows = [
        {"kind": found.kinds[k], "state": found.states[k], "stability": found.stability[k],
         "basin_fraction": found.basin_fraction[k], "basin_fraction_error": found.basin_fraction_error[k],
         **{name: values[k] for name, values in found.stats.items() if np.ndim(values)}} for k in range(found.count)]
    saddles = [] if found.saddles is None else [
        {"kind": kind, "state": found.saddles.states[k], "growth": found.saddles.growth[k],
         "visits": found.saddles.visits[k]} for k, kind in enumerate(found.saddles.kinds)]
    return {
        "system": found.system, "method": found.method, "seed": found.seed, "status": found.status,
        "message": found.message, "starts": len(found.labels), "coordinates": list(found.coordinates),
        "attractors": rows, "saddles": saddles,
        **{name: value for name, value in found.stats.items() if not np.ndim(value)}}


def found_table(found: AttractorSet) -> str:
    """An `AttractorSet` for people."""
    from statfe.attractors.found import ANSWERS
    from statfe_cli.output import table, with_error

    parts = [f"{found.system}: {found.count} attractors from {len(found.labels)} starts by {found.method}, "
             f"seed {found.seed}"]
    rows = [
        [str(k), found.kinds[k], with_error(found.basin_fraction[k], found.basin_fraction_error[k]),
         f"{found.stability[k]:.4g}", _entry(found, "period", k), _entry(found, "largest_exponent", k),
         _state(found, found.states[k])] for k in range(min(LISTED, found.count))]
    head = ["", "kind", "basin", "stability", "period", "exponent", "a state"]
    parts += [table(head, rows, left=(1, 6))] if rows else []
    parts += [f"... and {found.count - LISTED} more"] if found.count > LISTED else []
    for answer, words in ANSWERS.items():
        parts += [f"{words}: {found.share(answer):.4g} of the starts"] if found.share(answer) else []
    for k in range(1, int(found.stats.get("exits", 0)) + 1):
        if f"exit_{k}_share" in found.stats:
            share = with_error(found.stats[f"exit_{k}_share"], found.stats[f"exit_{k}_share_error"])
            parts.append(f"exit {k}: {share} of those that escape, towards {found.stats[f'exit_{k}_direction']}")
    if found.saddles is not None:
        for k, kind in enumerate(found.saddles.kinds[:LISTED]):
            parts.append(f"no attractor: {kind}, {found.saddles.visits[k]} starts came by, growth "
                         f"{found.saddles.growth[k]:.3g}, at {_state(found, found.saddles.states[k])}")
    if (found.stability == float("-inf")).any():
        parts.append("-inf: superstable, neighbours fall onto it faster than any exponential")
    return "\n".join([*parts, *([found.message] if found.message else [])])


def _entry(found: AttractorSet, name: str, k: int) -> str:
    values = found.stats.get(name)
    return "-" if values is None or values[k] != values[k] else f"{values[k]:.5g}"


def _state(found: AttractorSet, state: Any) -> str:
    words = [f"{name}={value:.4g}" for name, value in zip(found.coordinates, state, strict=True)]
    return " ".join([*words[:COORDINATES], *(["..."] if len(words) > COORDINATES else [])])


def _agreement(found: AttractorSet) -> str:
    test = found.stats
    return (f"with seed {test['second_seed']}: {test['seeds_found_again']} attractors found again, "
            f"{test['seeds_alone']} by one seed alone; chi-square of the shares {test['seeds_chi_square']:.2f} for "
            f"{test['seeds_degrees']} degrees of freedom, p = {test['seeds_p_value']:.3f}")
