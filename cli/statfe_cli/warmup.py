"""``statfe warmup``: compile every kernel now rather than on first use."""

from __future__ import annotations

import click


@click.command("warmup")
def command() -> None:
    """Compile the kernels ahead; later commands then start at once."""
    from statfe.doctor import warm_up
    from statfe_cli.progress import progress_bar

    with progress_bar("compiling") as progress:
        seconds, folder = warm_up(progress)
    click.echo(f"kernels compiled in {seconds:.1f} s, kept in {folder or 'memory only: no folder can be written'}")
