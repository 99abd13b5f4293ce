"""``statfe attractors memories``: what a Hopfield network remembers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from statfe_cli.arguments import available_cpus, run_options

if TYPE_CHECKING:
    from statfe.attractors.found import AttractorSet
    from statfe.laboratory.recall import Recall

#: Attractors listed.
LISTED = 12


@click.command("memories")
@click.argument("model")
@click.option("--loads", metavar="GRID", help="Patterns a spin, such as 0.02:0.2:10: recall against the load.")
@click.option("--networks", type=click.IntRange(min=4), default=8, show_default=True,
              help="Networks at each load; the errors are those of their mean.")
@click.option("--starts", type=click.IntRange(min=1), default=2000, show_default=True, help="Random starts.")
@run_options
def command(
    model: str, loads: str | None, networks: int, starts: int, output: str | None, seed: int | None,
    workers: int | None, force: bool, as_json: bool) -> int:
    """Find the attractors of a Hopfield network at zero temperature: memories, mixtures of them, states of the glass.

    Told of each: its energy, the largest -s_i h_i (0 or below is stable), its overlap with a pattern, and its basin,
    the share of random starts that end there.

    \b
    statfe attractors memories hopfield:n=200,patterns=5,seed=1 -o memories.h5
    statfe attractors memories hopfield:n=500 --loads 0.02:0.2:10 -o loads.h5
    statfe attractors analyze memories.h5 -o out/
    """
    import statfe
    from statfe_cli.main import NOT_CONVERGED
    from statfe_cli.output import print_json
    from statfe_cli.progress import progress_bar

    threads, seen = workers or available_cpus(), None
    if loads is None:
        found = statfe.memories(model, output, starts=starts, seed=seed, workers=threads, force=force)
    else:
        with progress_bar("networks") as progress:
            found, seen = statfe.memories_against_load(
                model, loads, output, networks=networks, starts=starts, seed=seed, workers=threads, force=force,
                progress=progress)
    if as_json:
        print_json(_as_dict(found, seen))
    else:
        _print(found, seen, output)
    return 0 if found.status == "converged" else NOT_CONVERGED


def _as_dict(found: AttractorSet, seen: Recall | None) -> dict:
    from dataclasses import asdict

    entry = found.to_dict()
    return entry if seen is None else {**entry, "recall": {"load": seen.load, **asdict(seen)}}


def _print(found: AttractorSet, seen: Recall | None, output: str | None) -> None:
    from statfe_cli.output import table, with_error

    click.echo(f"{found.system}: {found.count} attractors, seed {found.seed}")
    if seen is None:
        _print_kinds(found)
        rows = [[str(k), found.kinds[k], f"{found.free_energy[k]:.8g}", f"{found.stability[k]:.3g}",
                 f"{found.stats['overlap'][k]:.3f}",
                 with_error(float(found.basin_fraction[k]), float(found.basin_fraction_error[k]))]
                for k in range(min(LISTED, found.count))]
        click.echo("\n" + table(["", "kind", "energy", "stability", "overlap", "basin"], rows, left=(1,)))
        if found.count > LISTED:
            click.echo(f"... and {found.count - LISTED} with smaller basins")
    else:
        rows = [[f"{a:.4g}", str(seen.patterns[k]), with_error(float(seen.overlap[k]), float(seen.overlap_error[k])),
                 f"{seen.theory[k]:.4f}", f"{seen.radius[k]:.3f}",
                 with_error(float(seen.basin[k]), float(seen.basin_error[k]))] for k, a in enumerate(seen.load)]
        click.echo(table(["load", "patterns", "overlap", "theory", "radius", "basin of memories"], rows, left=()))
        click.echo(f"means over {seen.networks} networks a load; theory: replica-symmetric, T = 0, n infinite")
    if output:
        click.echo(f"\nwrote {output}")


def _print_kinds(found: AttractorSet) -> None:
    from statfe_cli.output import table

    rows = []
    for kind in dict.fromkeys(found.kinds):
        members = [k for k, word in enumerate(found.kinds) if word == kind]
        rows.append([kind, str(len(members)), f"{sum(found.basin_fraction[k] for k in members):.4f}"])
    click.echo(table(["kind", "attractors", "share of starts"], rows))
