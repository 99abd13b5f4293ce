"""``statfe attractors invariants``: exponents, dimensions, spectrum, recurrence and sections."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from statfe_cli.arguments import available_cpus, run_options

if TYPE_CHECKING:
    from statfe.attractors.measured import Measured

#: Exponents listed.
LISTED = 12


@click.command("invariants")
@click.argument("target", metavar="SYSTEM|DATA.h5")
@click.option("--quantities", metavar="NAME,...",
              help="exponents, correlation, intrinsic, spectrum, recurrence, section.  [default: all that apply]")
@click.option("--exponents", type=click.IntRange(min=1), help="Leading exponents.  [default: all, up to 64]")
@click.option("--plane", metavar="NAME=LEVEL", help="Plane of the section, such as z=27.")
@click.option("--theiler", type=click.FloatRange(min=0.0), metavar="TIME",
              help="Pairs closer in time do not count.  [default: from the autocorrelation]")
@click.option("--data", type=click.Choice(["auto", "states", "observations"]), default="auto", show_default=True,
              help="Which data of a file with both.")
@click.option("--scale", type=float, default=1.0, show_default=True, help="Length of all runs over the default.")
@run_options
def command(
    target: str, quantities: str | None, exponents: int | None, plane: str | None, theiler: float | None, data: str,
    scale: float, output: str | None, seed: int | None, workers: int | None, force: bool, as_json: bool) -> int:
    """Measure the invariants of a system, or of stored trajectories or observations, with errors.

    Exponents need a law, so a file must name its system. Rules that exponents must obey are checked and told. A number
    that the data cannot support is not printed; the message says what to change.

    \b
    statfe attractors invariants lorenz63 -o lorenz.h5
    statfe attractors invariants lorenz96:n=40 --quantities exponents
    statfe attractors invariants data.h5 --quantities correlation,intrinsic
    """
    import statfe
    from statfe_cli.main import NOT_CONVERGED
    from statfe_cli.output import print_json
    from statfe_cli.progress import progress_bar

    with progress_bar("invariants") as progress:
        found = statfe.invariants(
            target, output, quantities=[w.strip() for w in quantities.split(",")] if quantities is not None else (),
            exponents=exponents, plane=plane, theiler=theiler, data=data, scale=scale, seed=seed,
            workers=workers or available_cpus(), force=force, progress=progress)
    if as_json:
        print_json(found.to_dict())
    else:
        _print(found, output)
    return 0 if found.converged else NOT_CONVERGED


def _print(found: Measured, output: str | None) -> None:
    from statfe_cli.output import table, with_error

    click.echo(f"{found.source}, seed {found.seed}, {found.seconds:.3g} s{_kind(found)}")
    rows = []
    if found.exponents is not None:
        e = found.exponents
        rows = [[f"exponent {k + 1}", with_error(float(e.value[k]), float(e.error[k])), e.units, e.status]
                for k in range(min(len(e.value), LISTED))]
        if len(e.value) > LISTED:
            rows.append([f"... and {len(e.value) - LISTED} below", "", "", ""])
    rows += [[s.name.replace("_", " "), with_error(float(s.value), float(s.error)), s.units, s.status]
             for s in found.scalars]
    click.echo("\n" + table(["", "value", "units", "status"], rows, left=(0, 2, 3)))
    if found.rules:
        verdicts = {True: "passed", False: "FAILED", None: "-"}
        rows = [[r.name, f"{r.value:.2e}" if r.passed is not None else "-", f"{r.allowed:.2g}", verdicts[r.passed]]
                for r in found.rules]
        click.echo("\n" + table(["rule", "value", "allowed", ""], rows, left=(0, 3)))
    told = {f.message: f.name for f in reversed(found.all) if f.message}
    notes = [f"{name.replace('_', ' ')}: {text}" for text, name in reversed(told.items())]
    notes += [f"{r.name}: {r.message}" for r in found.rules if r.passed is None]
    if notes:
        click.echo("\n" + "\n".join(notes))
    if output:
        click.echo(f"\nwrote {output}")


def _kind(found: Measured) -> str:
    """The motion in words; nothing where it has no law or its exponents were not asked for."""
    words = {"torus": "quasiperiodic, on a torus", "fixed point": "at rest, at a fixed point"}
    if found.motion:
        return f"; the motion is {words.get(found.motion, found.motion)}"
    return "; the kind of motion is undecided" if found.exponents is not None and found.system else ""
