"""``statfe simulate``: sample a model, and make reference free energies from the samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from statfe_cli.arguments import (
    available_cpus,
    beta_option,
    force_option,
    json_option,
    seed_option,
    workers_option,
)

if TYPE_CHECKING:
    from statfe.sampling.forecast import Forecast
    from statfe.store.run_file import Run


@click.command("simulate")
@click.argument("model")
@beta_option
@click.option("-o", "--output", metavar="RUN.h5", help="HDF5 file to write.")
@click.option("--sampler", default="metropolis", show_default=True, metavar="SPEC",
              help="metropolis, gibbs, swendsen-wang, wolff or houdayer, with options burn_in, thin, schedule, kernel, "
                   "overlaps, spacing.")
@click.option("--sweeps", type=click.IntRange(min=1), default=10_000, show_default=True,
              help="Measured sweeps at every rung.")
@click.option("--replicas", type=click.IntRange(min=1), default=None,
              help="Independent ladders of chains.  [default: 4, or more where lanes would lie idle]")
@seed_option
@workers_option
@click.option("--target-error", type=click.FloatRange(min=0, min_open=True), default=None, metavar="X",
              help="Go on until beta F has this error a site at every beta; --sweeps is then the first look.")
@click.option("--max-seconds", type=click.FloatRange(min=0, min_open=True), default=None,
              help="Time limit of a run with --target-error: the best so far is stored, exit code 3.  [default: 3600]")
@click.option("--states", type=click.IntRange(min=1), default=None, metavar="N",
              help="Store N spin configurations at every beta; the chains go on for them after the sweeps.")
@click.option("--disorder", type=int, default=None, metavar="M",
              help="Average over M realisations of the disorder of MODEL.")
@click.option("--solve", default="auto", show_default=True, metavar="auto|exact|sampled",
              help="How realisations are solved (with --disorder).")
@click.option("--samples-only", is_flag=True, help="Add no rungs and make no reference.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, how long and how large; write nothing.")
@click.option("--resume", is_flag=True, help="Go on with the unfinished run in RUN.h5.parts; the bits are the same.")
@click.option("--checkpoint", type=click.FloatRange(min=0), default=30.0, show_default=True, metavar="SECONDS",
              help="Time between saves; 0 saves after every block.")
@force_option
@json_option
def command(
    model: str, beta: str, output: str | None, sampler: str, sweeps: int, replicas: int | None, seed: int | None,
    workers: int | None, disorder: int | None, solve: str, target_error: float | None, max_seconds: float | None,
    states: int | None, samples_only: bool, dry_run: bool, resume: bool, checkpoint: float, force: bool,
    as_json: bool) -> int:
    """Sample MODEL over a ladder of beta and store energies and reference free energies.

    Rungs are added from beta = 0, where the free energy is known exactly, so that neighbours overlap. A run that was
    stopped, by Ctrl-C or a crash, goes on where it was with the same command and --resume.

    \b
    statfe simulate ising:shape=32x32 --beta 0.3:0.6:7 -o run.h5
    statfe simulate ea:shape=6x6x6,seed=3 --beta 0.5,0.9,1.2 --sweeps 20000 -o glass.h5
    statfe simulate ea:shape=6x6x6 --beta 0.5,0.9,1.2 --disorder 1000 -o average.h5
    statfe simulate ea:shape=8x8x8,seed=1 --beta 1.25 --target-error 1e-5 --max-seconds 600 -o glass.h5
    """
    import statfe
    from statfe.api import plan_simulation
    from statfe_cli.main import NOT_CONVERGED, say
    from statfe_cli.progress import progress_bar

    options: dict[str, Any] = {
        "sampler": sampler, "sweeps": sweeps, "replicas": replicas, "seed": seed,
        "workers": workers or available_cpus(), "samples_only": samples_only, "target_error": target_error,
        "max_seconds": max_seconds, "states": states}
    if disorder is not None:
        from statfe_cli.disordered import simulate_disorder

        del options["max_seconds"]
        return simulate_disorder(
            model, beta, output, disorder, solve=solve, dry_run=dry_run, as_json=as_json, checkpoint=checkpoint,
            force=force, resume=resume, **options)
    if dry_run:
        _print_forecast(plan_simulation(model, beta, **options), as_json)
        return 0
    if output is None:
        raise click.UsageError("name the file to write with -o RUN.h5 (or use --dry-run)")
    with progress_bar("sampling") as progress:
        run = statfe.simulate(
            model, beta, output, force=force, resume=resume, checkpoint_seconds=checkpoint, progress=progress,
            notify=lambda line: say(line, 0), **options)
    _print_run(run, output, as_json)
    return 0 if run.converged else NOT_CONVERGED


def _print_forecast(plan: Forecast, as_json: bool) -> None:
    from statfe_cli.output import print_json

    p = plan.plan
    facts = {
        "rungs": p.ladder.betas, "requested": p.ladder.requested, "schedule": p.schedule, "sampler": p.sampler.spec,
        "kernel": p.kernel, "sweeps": p.sweeps, "burn_in": p.burn_in, "thin": p.thin, "replicas": p.replicas,
        "seed": p.seed, "seconds": plan.seconds, "bytes": plan.bytes, "file_bytes": plan.file_bytes,
        "target_error": plan.target_error, "first_error": plan.first_error,
        "states": plan.states, "states_seconds": plan.states_seconds}
    if as_json:
        print_json(facts)
        return
    click.echo(f"{p.n_rungs} rungs ({p.ladder.added} added), {p.schedule}, {p.sampler.spec}, kernel {p.kernel}, seed "
               f"{p.seed}")
    click.echo(f"{p.replicas} replicas x ({p.burn_in} + {p.sweeps}) sweeps, every {p.thin}. recorded")
    if plan.target_error is not None:
        click.echo(f"these sweeps give an error of {plan.first_error:.2g} a site; going on to {plan.target_error:.2g}")
    if plan.states is not None:
        click.echo(f"{plan.states} configurations at each of {int(p.ladder.requested.sum())} beta: at most "
                   f"{plan.states_seconds:.1f} s more")
    click.echo(f"about {plan.seconds:.1f} s of sampling, {plan.bytes / 1e6:.1f} MB of memory, and at most "
               f"{plan.file_bytes / 1e6:.1f} MB on disk; nothing was written")


def _print_run(run: Run, output: str, as_json: bool) -> None:
    from statfe_cli.output import print_json, reference_table

    chains = run.chains
    added = int((~chains.requested).sum())
    if as_json:
        print_json({
            "output": output, "model": run.model.spec, "n_sites": run.model.n_sites, "seed": chains.seed,
            "sampler": chains.sampler, "kernel": chains.kernel, "schedule": chains.schedule, "rungs": chains.betas,
            "rungs_added": added, "replicas": chains.n_replicas, "draws": chains.n_draws, "seconds": chains.seconds,
            "command": run.command, "verdict": run.verdict,
            "states": run.states.summary if run.states else None, "reference": [r.to_dict() for r in run.reference]})
        return
    click.echo(f"{run.model.spec}: {run.model.n_sites} spins, {run.model.n_bonds} bonds")
    click.echo(
        f"{chains.sampler}, kernel {chains.kernel}, {chains.schedule}, {chains.n_replicas} replicas x "
        f"{chains.n_draws} draws, seed {chains.seed}, {chains.seconds:.1f} s")
    if added:
        click.echo(
            f"{added} rungs added to the {len(run.betas)} asked for, from beta = 0, so that neighbours overlap")
    if run.reference:
        click.echo("\nbeta_f = -ln Z, two estimates from the same run\n" + reference_table(run.reference))
        click.echo(f"\n{run.verdict}" if run.verdict else "", nl=bool(run.verdict))
    else:
        click.echo("samples only: no reference was made")
    if run.states:
        click.echo(f"\n{run.states.summary}")
    # A run that was complete was read from its file.
    click.echo(f"\n{'read' if run.attributes else 'wrote'} {output}")
