"""What ``simulate --disorder`` and ``self-averaging`` do and print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from statfe.disorder.result import DisorderRun
    from statfe.disorder.run import DisorderForecast
    from statfe.disorder.self_averaging import SelfAveraging


def simulate_disorder(
    model: str, beta: str, output: str | None, disorder: int, *, dry_run: bool, as_json: bool, checkpoint: float,
    samples_only: bool, target_error: float | None, states: int | None, **options: Any,
) -> int:
    """The whole of ``statfe simulate --disorder``; gives the exit code."""
    import statfe
    from statfe.api import plan_disorder
    from statfe_cli.main import NOT_CONVERGED, say
    from statfe_cli.progress import progress_bar

    if samples_only or target_error is not None or states is not None:
        word = "--samples-only" if samples_only else "--states" if states is not None else "--target-error"
        raise click.UsageError(f"{word} is for one model; drop it, or --disorder")
    force, resume, workers = options.pop("force"), options.pop("resume"), options.pop("workers")
    if dry_run:
        _print_forecast(plan_disorder(model, beta, disorder, workers=workers, **options), as_json)
        return 0
    if output is None:
        raise click.UsageError("name the file to write with -o RUN.h5 (or use --dry-run)")
    with progress_bar("realisations") as progress:
        run = statfe.disorder_average(
            model, beta, disorder, output, force=force, resume=resume, workers=workers,
            checkpoint_seconds=checkpoint, progress=progress, notify=lambda line: say(line, 0), **options)
    print_average(run, output, as_json)
    return 0 if run.converged else NOT_CONVERGED


def _print_forecast(plan: DisorderForecast, as_json: bool) -> None:
    from statfe_cli.output import print_json

    if as_json:
        print_json(vars(plan))
        return
    click.echo(f"{plan.realisations} realisations, {plan.how}, in {plan.tasks} tasks; seed {plan.seed}")
    if plan.rungs is not None:
        click.echo(f"{len(plan.rungs)} rungs; {plan.replicas} replicas x ({plan.burn_in} + {plan.sweeps}) sweeps of "
                   f"each, every {plan.thin}. recorded")
    click.echo(f"very roughly {plan.seconds:.3g} s; nothing was written")


def print_average(run: DisorderRun, output: str, as_json: bool) -> None:
    """The averages of one run: a table and what failed, or JSON."""
    from statfe_cli.output import print_json

    if as_json:
        print_json({
            "output": output, "model": run.model, "n_sites": run.n_sites, "realisations": run.realisations,
            "seed": run.seed, "base_seed": run.base, "methods": run.methods(), "sampler": run.sampler,
            "seconds": run.seconds, "command": run.command, "averages": [vars(a) for a in run.averages],
            "reference": [r.to_dict() for r in run.reference]})
        return
    how = ", ".join(f"{count} by {name}" for name, count in run.methods().items())
    click.echo(f"{run.model}: {run.n_sites} spins, {run.realisations} realisations ({how})")
    whose = "the seed of the spec" if run.base != run.seed else "the seed of the run"
    click.echo(f"seed {run.seed}; seeds of the realisations from {run.base}, {whose}; {run.seconds:.1f} s")
    click.echo("\n[beta_f] and how beta_f varies from sample to sample\n" + average_table(run))
    # A run that was complete was read from its file.
    click.echo(f"\n{'read' if run.attributes else 'wrote'} {output}")


def average_table(run: DisorderRun) -> str:
    """One beta a row, with messages below."""
    from statfe_cli.output import _signed, table, with_error

    n, root = run.n_sites, run.n_sites**0.5
    annealed = [r for r in run.reference if r.method == "annealed-average"]
    rows = []
    for a, z in zip(run.averages, annealed, strict=True):
        mean = a.beta_f if not a.missing else float("nan")
        loose = "" if z.status == "converged" else " ?"
        rows.append([
            f"{a.beta:.6g}", with_error(mean / n, a.beta_f_error / n),
            with_error(a.deviation / root, a.deviation_error / root, 4), with_error(a.skewness, a.skewness_error, 3),
            with_error(z.per_site, z.beta_f_error / n, 7) + loose,
            next((_signed(s, ".1f") for s in (a.nishimori_sigmas, a.link_sigmas) if s == s), "-"),
            str(a.failed), a.status])
    head = ["beta", "[beta_f] / N", "sigma / sqrt(N)", "skewness", "-ln [Z] / N", "identity", "failed", "status"]
    messages = [f"beta = {a.beta:.6g}: {a.message}" for a in run.averages if a.message]
    messages += ["?: few realisations carry [Z]"] if any("?" in row[4] for row in rows) else []
    return "\n".join([table(head, rows, left=(7,)), *messages])


def print_self_averaging(found: SelfAveraging, as_json: bool) -> None:
    """Sizes, spreads and fitted exponents."""
    from statfe_cli.output import print_json, table, with_error

    if as_json:
        print_json(found.to_dict())
        return
    rows = [[f"{r.beta:.6g}", str(r.n_sites), str(r.realisations),
             f"{r.relative_variance:.3e} +- {r.relative_variance_error:.1e}",
             with_error(r.deviation / r.n_sites**0.5, r.deviation_error / r.n_sites**0.5, 4),
             with_error(r.per_site, r.per_site_error), r.status] for r in found.rows]
    head = ["beta", "N", "realisations", "R = Var / mean^2", "sigma / sqrt(N)", "[beta_f] / N", "status"]
    click.echo(table(head, rows, left=(6,)))
    for beta, law in found.relative_variance.items():
        other = found.deviation[beta]
        if law is None or other is None:
            click.echo(f"beta = {beta:.6g}: no fit; fewer than two sizes have a spread above their noise")
            continue
        fit = "" if law.chi_square != law.chi_square else f", chi^2 {law.chi_square:.2g} a degree of freedom"
        click.echo(f"beta = {beta:.6g}: R ~ N^({with_error(law.exponent, law.error)}), sigma ~ "
                   f"N^({with_error(other.exponent, other.error)}){fit}; self-averaging with short range: -1 and 1/2")
