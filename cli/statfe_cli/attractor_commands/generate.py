"""``statfe attractors generate``: trajectories of a system, and what is observed of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from statfe_cli.arguments import available_cpus, force_option, json_option, seed_option, workers_option

if TYPE_CHECKING:
    from statfe.attractors.generate import Forecast
    from statfe.attractors.trajectory_file import TrajectoryFile

#: Escaped trajectories that are named one by one.
NAMED = 5


class _CountOrAuto(click.ParamType):
    name = "N|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """An integer from 1 up, or the word auto."""
        return value if value == "auto" else click.IntRange(min=1).convert(value, param, ctx)


@click.command("generate")
@click.argument("system")
@click.option("-o", "--output", metavar="DATA.h5", help="HDF5 file to write.")
@click.option("--trajectories", type=click.IntRange(min=1), default=1, show_default=True, help="How many.")
@click.option("--samples", type=click.IntRange(min=1), default=10_000, show_default=True,
              help="Samples of each trajectory.")
@click.option("--every", type=click.IntRange(min=1), default=None,
              help="Steps between samples.  [default: 25 samples in a characteristic time]")
@click.option("--dt", type=click.FloatRange(min=0, min_open=True), default=None, help="Step.  [default: the system's]")
@click.option("--transient", type=click.FloatRange(min=0), default=None,
              help="Time that is dropped.  [default: the system's]")
@click.option("--integrator", default=None, metavar="NAME",
              help="rk4, leapfrog, yoshida4, etdrk4 or map.  [default: what suits the system]")
@click.option("--start", type=click.Choice(["attractor", "box"]), default="attractor", show_default=True,
              help="Near a state of the usual attractor, or anywhere in the system's box.")
@click.option("--noise", type=click.FloatRange(min=0), default=0.0, show_default=True,
              help="Observation noise, in standard deviations of what is observed.")
@click.option("--embed", type=_CountOrAuto(), default=None,
              help="Observe so many delays of one coordinate; auto: by false nearest neighbours.")
@click.option("--delay", type=_CountOrAuto(), default=None,
              help="Samples between delays; auto: first minimum of the mutual information.  [default: auto]")
@click.option("--observe", default=None, metavar="COORDINATE",
              help="The coordinate of the delays.  [default: the first]")
@click.option("--lift", type=click.IntRange(min=1), default=None, metavar="D",
              help="Observe a smooth random map into D dimensions that can be undone.")
@click.option("--float32", is_flag=True, help="Store single precision.")
@seed_option
@workers_option
@click.option("--dry-run", is_flag=True, help="Say what would be done, how long and how large; write nothing.")
@click.option("--resume", is_flag=True, help="Go on with the unfinished run in DATA.h5.parts; the bits are the same.")
@click.option("--checkpoint", type=click.FloatRange(min=0), default=30.0, show_default=True, metavar="SECONDS",
              help="Time between saves; 0 saves after every block.")
@force_option
@json_option
def command(system: str, output: str | None, workers: int | None, dry_run: bool, resume: bool, checkpoint: float,
            force: bool, as_json: bool, **options: Any) -> int:
    """Follow SYSTEM from many starts and store its states, and what is observed of them.

    Observations are the states with noise, delays of one coordinate, or a lifting into many dimensions. The memory it
    takes does not grow with the samples. A run that was stopped goes on with the same command and --resume.

    \b
    statfe attractors generate lorenz63 --trajectories 100 --samples 10000 -o data.h5
    statfe attractors generate lorenz63 --lift 64 --noise 0.02 -o lifted.h5
    statfe attractors generate lorenz63 --embed auto -o delays.h5
    """
    from statfe.attractors.generate import forecast, generate
    from statfe_cli.main import NOT_CONVERGED, say
    from statfe_cli.progress import progress_bar

    options["workers"] = workers or available_cpus()
    if dry_run:
        _print_forecast(forecast(system, output or "data.h5", **options), as_json)
        return 0
    if output is None:
        raise click.UsageError("name the file to write with -o DATA.h5 (or use --dry-run)")
    with progress_bar("integrating") as progress:
        found = generate(system, output, resume=resume, force=force, checkpoint_seconds=checkpoint, progress=progress,
                         notify=lambda line: say(line, 0), **options)
    escapes = found.kept < len(found.times)
    _print(found, escapes, as_json)
    for r in escapes.nonzero()[0][:NAMED]:
        when = f"at t = {found.times[found.kept[r]]:.6g}" if found.kept[r] else "before the first sample"
        say(f"trajectory {r} escaped to infinity {when}", 0)
    if escapes.sum() > NAMED:
        say(f"and {escapes.sum() - NAMED} more; kept in the file says how many samples each has", 0)
    return NOT_CONVERGED if escapes.any() else 0


def _print_forecast(plan: Forecast, as_json: bool) -> None:
    from statfe_cli.output import print_json

    facts = plan.facts
    if as_json:
        print_json({**facts, "features": len(plan.features), **plan.observed, "seconds": plan.seconds,
                    "bytes": plan.bytes, "disk_bytes": plan.disk_bytes, "free_bytes": plan.free,
                    "warning": plan.warning})
        return
    click.echo(f"{facts['system']}: {facts['trajectories']} trajectories of {facts['samples']} samples, one every "
               f"{facts['sampling_step']:g} ({facts['every']} steps of {facts['dt']:g}), {facts['integrator']}, "
               f"transient {facts['transient']:g} dropped, seed {facts['seed']}")
    for name in ("delay_rule", "embed_rule", "lift_rule"):
        if name in plan.observed:
            click.echo(f"{name.partition('_')[0]} {plan.observed[name.partition('_')[0]]}: {plan.observed[name]}")
    if plan.features:
        click.echo(f"{len(plan.features)} features, noise {plan.observed['noise']:g}")
    if plan.warning:
        click.echo(f"warning: {plan.warning}")
    click.echo(f"about {plan.seconds:.1f} s of integration and {plan.bytes / 1e6:.1f} MB on disk "
               f"({plan.disk_bytes / 1e6:.1f} MB while it is made, {plan.free / 1e6:.0f} MB free); nothing was written")


def _print(found: TrajectoryFile, escapes: Any, as_json: bool) -> None:
    from statfe_cli.output import print_json

    state, seen = found.state_attributes, found.observation_attributes
    assert found.states is not None
    if as_json:
        print_json({"output": found.path, "system": found.system, "trajectories": len(found.states),
                    "samples": len(found.times), "sampling_step": found.step, "seed": found.attributes["seed"],
                    "escaped": int(escapes.sum()), "features": list(found.features), **state, **seen,
                    "command": found.attributes["command"]})
        return
    click.echo(f"{found.system}: {len(found.states)} trajectories of {len(found.times)} samples, one every "
               f"{found.step:g}; {state['integrator']}, dt = {state['dt']:g}"
               + (f" (error of a turn {state['tolerance']:.1e})" if state["tolerance"] else "")
               + f", transient {state['transient']:g} dropped, seed {found.attributes['seed']}")
    if found.observations is not None:
        what = "lifted" if "lift" in seen else "states"
        if "embed" in seen:
            what = (f"{seen['embed']} delays of {seen['delay']} samples of {seen['observe']}"
                    + (", lifted" if "lift" in seen else ""))
        click.echo(f"observations: {len(found.features)} features ({what}), noise {seen['noise']:g}")
    click.echo(f"\nwrote {found.path}")
