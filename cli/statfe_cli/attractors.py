"""``statfe attractors``: dynamical systems, their attractors, and networks that learn them."""

from __future__ import annotations

import importlib
import pkgutil

import click

PACKAGE = "statfe_cli.attractor_commands"


class _Commands(click.Group):
    """One command a file of the folder; files import nothing heavy at the top, so listing them is cheap."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return sorted(m.name.replace("_", "-") for m in pkgutil.iter_modules(importlib.import_module(PACKAGE).__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        found: click.Command = importlib.import_module(f"{PACKAGE}.{cmd_name.replace('-', '_')}").command
        return found


@click.group("attractors", cls=_Commands)
def command() -> None:
    """Attractors of dynamical systems: trajectories, invariants, basins, and networks that learn them."""
