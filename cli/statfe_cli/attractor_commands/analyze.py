"""``statfe attractors analyze``: a report of what files hold of attractors, and of what networks learned of them."""

from __future__ import annotations

import click

from statfe_cli.arguments import force_option, json_option, seed_option


@click.command("analyze")
@click.argument("files", metavar="DATA.h5 [MORE.h5 ...]", nargs=-1, required=True)
@click.option("--vae", metavar="MODEL.h5", help="Variational autoencoder that learned the data.")
@click.option("--autoencoder", metavar="MODEL.h5", help="Deterministic one: statfe train vae --objective autoencoder.")
@click.option("--against", multiple=True, metavar="OTHER.h5",
              help="Points off the attractor, observed in the same way; several may be given.")
@click.option("-o", "--output", required=True, metavar="OUT/", help="Folder to write.")
@seed_option
@force_option
@json_option
def command(
    files: tuple[str, ...], vae: str | None, autoencoder: str | None, against: tuple[str, ...], output: str,
    seed: int | None, force: bool, as_json: bool,
) -> int:
    """Report what files hold of attractors, and whether a network has learned them.

    Files of generate, import, invariants, identify, continue, memories and tap, in any number: each group of theirs
    becomes a section. Networks are held against the held-back part of the trajectories.

    \b
    statfe attractors generate lorenz63 --lift 64 --noise 0.02 --trajectories 100 --samples 200 -o data.h5
    statfe train vae data.h5 -o vae.h5
    statfe attractors analyze data.h5 --vae vae.h5 -o out/
    """
    import statfe
    from statfe_cli.output import print_json, table
    from statfe_cli.progress import progress_bar

    with progress_bar("analysis") as progress:
        found = statfe.analyze_attractors(
            list(files), output, vae=vae, autoencoder=autoencoder, against=against, seed=seed, force=force,
            progress=progress)
    if as_json:
        print_json(found.to_dict())
        return 0
    for section in found.sections:
        click.echo(section.title)
        for words in section.warnings:
            click.echo(f"  warning: {words}")
        for t in section.tables:
            rows = [[c if isinstance(c, str) else c.text for c in row] for row in t.rows]
            click.echo(table(t.head, rows) + "\n")
    for words in found.missing:
        click.echo(words)
    click.echo("\n".join(f"wrote {path}" for path in found.files.values()))
    return 0
