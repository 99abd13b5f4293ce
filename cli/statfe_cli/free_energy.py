"""``statfe free-energy``: one method on one model over a grid of beta."""

from __future__ import annotations

import click

from statfe_cli.arguments import available_cpus, beta_option, json_option, seed_option, workers_option


@click.command("free-energy")
@click.argument("model")
@beta_option
@click.option("--method", required=True, metavar="SPEC", help="Method and options; see `statfe methods`.")
@seed_option
@workers_option
@json_option
def command(
    model: str, beta: str, method: str, seed: int | None, workers: int | None, as_json: bool) -> int:
    """Free energy of MODEL by one method.

    \b
    statfe free-energy ising:shape=16x16 --beta 0.2,0.44 --method exact
    statfe free-energy file:couplings.txt --beta 0.1:1:10 --method cumulants:order=3
    """
    import statfe
    from statfe.random import draw_seed
    from statfe_cli.main import NOT_CONVERGED
    from statfe_cli.output import print_json, result_table
    from statfe_cli.progress import progress_bar

    number = draw_seed() if seed is None else seed
    with progress_bar(method) as progress:
        results = statfe.free_energy(
            model, beta, method, number, workers=workers or available_cpus(), progress=progress)
    assert isinstance(results, list)
    if as_json:
        print_json([r.to_dict() for r in results])
    else:
        click.echo(f"{results[0].model}: {results[0].n_sites} spins, {results[0].method}, seed {number}\n")
        click.echo(result_table(results))
    return 0 if all(r.status == "converged" for r in results) else NOT_CONVERGED
