"""``statfe bracket``: bounds on the free energy from both sides."""

from __future__ import annotations

import click

from statfe_cli.arguments import available_cpus, beta_option, json_option, seed_option, workers_option


@click.command("bracket")
@click.argument("model")
@beta_option
@click.option("--method", "methods", multiple=True, metavar="SPEC",
              help="A method that gives bounds; may be repeated.  [default: all approximations that do]")
@seed_option
@workers_option
@json_option
def command(
    model: str, beta: str, methods: tuple[str, ...], seed: int | None, workers: int | None, as_json: bool) -> int:
    """Bounds on the free energy of MODEL from below and above: the true F lies between.

    The highest lower and the lowest upper bound of all methods that give any. Ends with code 3 where a side has no
    bound.

    \b
    statfe bracket ea:shape=8x8,seed=1 --beta 0.1:1.5:8
    statfe bracket sk:n=100,seed=1 --beta 0.5 --method mean-field --json
    """
    import statfe
    from statfe.random import draw_seed
    from statfe_cli.main import NOT_CONVERGED
    from statfe_cli.output import bracket_table, print_json
    from statfe_cli.progress import progress_bar

    number = draw_seed() if seed is None else seed
    with progress_bar("bracket") as progress:
        found = statfe.bracket(
            model, beta, list(methods) or None, seed=number, workers=workers or available_cpus(), progress=progress)
    if as_json:
        print_json(found.to_dict())
    else:
        first = found.brackets[0]
        click.echo(f"{first.model}: {first.n_sites} spins, seed {number}\n")
        click.echo(bracket_table(found.brackets))
        failed = {r.method: f"{r.method} from beta = {r.beta:.6g}: {r.message}" for r in reversed(found.results)
                  if r.status != "converged" and r.kind != "uncontrolled"}
        click.echo("\n".join([f"not run: {spec}: {reason}" for spec, reason in found.skipped] + [*failed.values()]))
    return 0 if found.complete else NOT_CONVERGED
