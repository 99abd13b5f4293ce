"""``statfe cumulants``: a cumulant expansion order by order, and where it diverges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

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
    from statfe.scoring.cumulant_divergence import Divergence
    from statfe.scoring.cumulant_expansion import CumulantExpansion


@click.command("cumulants")
@click.argument("model")
@beta_option
@click.option("--trial", default="mean-field", show_default=True,
              help="What is expanded around: free, mean-field, blocks, tree or autoregressive.")
@click.option("--order", type=click.IntRange(1, 8), default=8, show_default=True, help="Highest order.")
@click.option("--evaluation", default="auto", show_default=True,
              help="auto, analytic, enumeration or sampling; see `statfe methods`.")
@click.option("--samples", type=click.IntRange(min=128), help="Samples, where any are drawn.  [default: 65536]")
@click.option("--block", type=click.IntRange(min=1), help="Most sites of a block of --trial blocks.  [default: 8]")
@click.option("--reference", metavar="SPEC", help="What errors are taken against.  [default: exact, else mbar]")
@click.option("-o", "--output", metavar="FIG.svg", help="Figure to draw (needs statfe[report]).")
@seed_option
@workers_option
@force_option
@json_option
def command(
    model: str, beta: str, trial: str, order: int, evaluation: str, samples: int | None, block: int | None,
    reference: str | None, output: str | None, seed: int | None, workers: int | None, force: bool, as_json: bool
) -> int:
    """Cumulant expansion of beta F of MODEL, order by order, and the beta at which it diverges.

    Partial sums and their errors against a reference, the order of the smallest term, Pade values, and the radius of
    convergence. The point of divergence is measured twice: from the terms alone, and from the errors.

    \b
    statfe cumulants ising:shape=4x4 --beta 0.05:0.6:12 --trial free
    statfe cumulants sk:n=16,seed=1 --beta 0.2:2:10 --trial mean-field -o sk.svg
    """
    import statfe
    from statfe_cli.main import NOT_CONVERGED
    from statfe_cli.output import print_json
    from statfe_cli.progress import progress_bar

    with progress_bar("cumulants") as progress:
        found = statfe.cumulant_expansion(
            model, beta, output, force=force, trial=trial, order=order, evaluation=evaluation, samples=samples,
            block=block, reference=reference, seed=seed, workers=workers or available_cpus(), progress=progress)
    if as_json:
        print_json({**found.to_dict(), "figure": output})
    else:
        _print(found, output)
    for failure in found.failures:
        click.echo(f"statfe: {failure}", err=True)
    return NOT_CONVERGED if found.failures else 0


def _print(found: CumulantExpansion, output: str | None) -> None:
    from statfe_cli.output import table, with_error

    orders = [f"order {k}" for k in range(1, found.order + 1)]
    click.echo(f"{found.model.spec}: {found.model.n_sites} spins, {found.method}, reference "
               f"{found.reference[0].method}, seed {found.seed}\n\nbeta F by order")
    sums = zip(found.reference, found.partial_sums, found.partial_sum_errors, strict=True)
    click.echo(table(["beta", "reference", *orders], [
        [f"{r.beta:.6g}", with_error(r.beta_f, r.beta_f_error, 8),
         *(with_error(s, e, 8) for s, e in zip(row, errors, strict=True))]
        for r, row, errors in sums], left=()))
    click.echo("\nerror of beta F, to the smallest term, and continued by Pade; radius of convergence in lambda")
    click.echo(table(["beta", *orders, "smallest", "Pade", "radius"], _errors(found), left=()))
    gap = found.onsager_gap
    if gap is not None:
        click.echo("\norder 2 is the Onsager term -(beta^2/2) sum J_ij^2 (1 - m_i^2)(1 - m_j^2) of TAP: they differ by "
                   f"{gap:.1g} of it at most")
    if found.one_sided.any():
        betas = ", ".join(f"{b:g}" for b in found.betas[found.one_sided])
        click.echo(f"\nthe trial keeps to one side at beta = {betas}: its terms do not see "
                   "the mirrored states,\nerrors freeze near ln 2, and the radius is not known")
    click.echo(f"\ndiverges by its terms  {_place(found.divergence_by_terms)}")
    click.echo(f"diverges by its errors {_place(found.divergence_by_reference)}")
    if output:
        click.echo(f"wrote {output}")


def _errors(found: CumulantExpansion) -> Sequence[Sequence[str]]:
    reach, doubt = found.radii
    rows = []
    for k, (errors, stop) in enumerate(zip(found.errors, found.smallest_terms, strict=True)):
        smallest = f"{_short(errors[stop - 1])} ({stop})" if stop else "-"
        radius = f"{reach[k]:.3g} +- {doubt[k]:.1g}" if math.isfinite(reach[k]) else "-"
        radius = "one side" if found.one_sided[k] else radius
        rows.append([f"{found.betas[k]:.6g}", *(_short(e) for e in errors), smallest,
                     _short(found.pade[k] - found.reference_beta_f[k]), radius])
    return rows


def _short(value: float) -> str:
    return f"{value:+.1e}" if math.isfinite(value) else "-"


def _place(place: Divergence) -> str:
    words = f"({place.how})"
    if place.bracket is None:
        return words
    low, high = place.bracket
    between = (f"between {low:g} and {high:g} of the grid" if math.isfinite(high) and low > 0.0
               else f"above {low:g}, the end of the grid" if low > 0.0 else f"below {high:g}, the start of the grid")
    number = f"beta = {place.beta:.4g} +- {place.error:.2g}, " if place.found else ""
    return f"{number}{between} {words}"
