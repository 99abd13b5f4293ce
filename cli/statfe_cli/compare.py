"""``statfe compare``: score approximate free energies against a reference, and report."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from statfe_cli.arguments import available_cpus, force_option, json_option, seed_option, workers_option

if TYPE_CHECKING:
    from statfe.report.machines.compare import ComparedMachine

#: A study of more models prints its trust map alone.
MOST_TABLES = 6


class _ManyMethods(click.Command):
    """Lets ``--methods`` take several words: ``--methods tap bethe`` reads as ``--methods=tap --methods=bethe``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        out: list[str] = []
        rest = list(args)
        while rest:
            word = rest.pop(0)
            if word == "--":
                out += [word, *rest]
                break
            name, equals, first = word.partition("=")
            if name != "--methods":
                out.append(word)
                continue
            taken = [first] if equals else []
            while rest and not rest[0].startswith("-"):
                taken.append(rest.pop(0))
            if "" in taken or not taken:
                raise click.UsageError("--methods needs a value: all, or specs such as tap bethe")
            out += [f"--methods={spec}" for spec in taken]
        return super().parse_args(ctx, out)


@click.command("compare", cls=_ManyMethods)
@click.argument("target", metavar="RUN.h5|MODEL|STUDY.toml|MACHINE.h5")
@click.option("--beta", metavar="GRID", help="Inverse temperatures; required for a model.")
@click.option("--reference", metavar="SPEC",
              help="Method of the reference.  [default: the run's own, else exact where affordable, else mbar]")
@click.option("--methods", multiple=True, metavar="all|SPEC...",
              help="Methods to score; several words may follow.  [default: those of the study, else all]")
@click.option("--data", metavar="TEST.h5", help="Score a trained machine on the test part of these data.")
@click.option("--points", type=click.IntRange(min=1), metavar="N",
              help="Points to draw from them.  [default: all; 100 for a variational autoencoder]")
@click.option("-o", "--output", metavar="OUT/", help="Folder for the report, tables and figures.")
@seed_option
@workers_option
@force_option
@json_option
def command(
    target: str, beta: str | None, reference: str | None, methods: tuple[str, ...], data: str | None,
    points: int | None, output: str | None, seed: int | None, workers: int | None, force: bool, as_json: bool
) -> int:
    """Score approximate free energies against a reference.

    TARGET is a simulation (RUN.h5), a model with --beta, or a study (STUDY.toml): models, sizes and disorder. Put it
    before --methods. Under the scores stands the certified bracket of the bounds among the methods.

    With --data, TARGET is a trained machine (MACHINE.h5 of statfe train). A restricted Boltzmann machine: -ln Z and the
    log-likelihood of the data by mean-field, tap, plefka:order=3, bethe, cumulants, ais, reverse-ais and mbar, or the
    --methods named. A variational autoencoder: -ln p(x) point by point by elbo, cumulants, iwae, importance-sampling,
    ais and laplace, against quadrature (latent dimension 3 or less) or ais.

    \b
    statfe compare run.h5 -o out/
    statfe compare study.toml -o out/
    statfe compare sk:n=20,seed=1 --beta 0.1:1.5:8 --methods mean-field tap bethe -o out/
    statfe compare machine.h5 --data test.h5 -o out/
    """
    from statfe.api import compare
    from statfe_cli.machine_output import machine_tables
    from statfe_cli.main import NOT_CONVERGED
    from statfe_cli.output import print_json, score_tables, trust_table
    from statfe_cli.progress import progress_bar

    if output is None and not as_json:
        raise click.UsageError("name the folder to write with -o OUT/ (or print the scores with --json)")
    with progress_bar("comparing") as progress:
        done = compare(
            target, beta, reference=reference, methods=list(methods) or None, output=output, seed=seed,
            workers=workers or available_cpus(), force=force, progress=progress, data=data, points=points)
    if as_json:
        print_json(done.score_rows)
    else:
        if data is not None:
            click.echo(machine_tables(cast("ComparedMachine", done).machine))
        elif len(done.comparisons) <= MOST_TABLES:
            click.echo(score_tables(done.comparisons))
        if done.trust is not None:
            click.echo(trust_table(done.trust))
        click.echo("\n".join(f"wrote {path}" for path in done.files.values()))
    return 0 if done.converged else NOT_CONVERGED
