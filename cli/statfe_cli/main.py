"""Entry point: finds the commands, turns errors into one line and an exit code."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import os
import pkgutil
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import click

from statfe.signals import REPEAT_SECONDS

#: Exit codes of the contract.
FAILURE, USAGE, NOT_CONVERGED, INTERRUPTED = 1, 2, 3, 130

#: Modules here that are not commands.
_PARTS = {"__main__", "main", "output", "progress", "arguments", "disordered", "machine_output"}


class _Commands(click.Group):
    """One command a file; files import nothing heavy at the top, so listing them is cheap."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        found = [m.name for m in pkgutil.iter_modules([os.path.dirname(__file__)])
                 if m.name not in _PARTS and not m.ispkg]
        return sorted(name.replace("_", "-") for name in found)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            close = difflib.get_close_matches(cmd_name, self.list_commands(ctx), n=1, cutoff=0.4)
            hint = f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(self.list_commands(ctx))}"
            raise click.UsageError(f"unknown command {cmd_name!r}{hint}")
        module = importlib.import_module(f"statfe_cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:  # click would print an empty line first
            return say(str(stop) or "interrupted", INTERRUPTED)


def _print_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        from importlib.metadata import version

        click.echo(f"statfe {version('statfe')}")
        ctx.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version,
              help="Print the version.")
def cli() -> None:
    """How far is an approximate free energy from the true one, and how sure are we?

    \b
    statfe simulate ising:shape=16x16 --beta 0.2,0.44,0.6 -o run.h5
    statfe compare run.h5 -o out/
    statfe free-energy sk:n=20,seed=1 --beta 0.1:1:10 --method tap
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    warnings.showwarning = _warn
    with _sigterm_as_ctrl_c():
        return _main(arguments)


def _main(arguments: Sequence[str] | None) -> int:
    try:
        result = cli.main(args=arguments, prog_name="statfe", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Abort:
        return say("interrupted", INTERRUPTED)
    except KeyboardInterrupt:
        return say("interrupted", INTERRUPTED)
    except click.ClickException as error:
        return say(f"error: {error.format_message()}", error.exit_code)
    except BrokenPipeError:
        # The reader (head, less) went away; point stdout elsewhere so that Python does not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE
    except MemoryError:
        return say("error: out of memory; take a smaller model, or fewer replicas, sweeps or betas", FAILURE)
    except Exception as error:
        return _failure(error)
    return int(result or 0)


def _warn(message: Warning | str, category: type[Warning], *_place: object, **_more: object) -> None:
    """A warning as one line; those of other libraries to their developers are left out."""
    if category is UserWarning:
        say(f"warning: {message}", 0)


def _failure(error: Exception) -> int:
    from statfe.errors import StatfeError, UsageError

    if isinstance(error, UsageError):
        return say(f"error: {error}", USAGE)
    if isinstance(error, StatfeError):
        return say(f"error: {error}", FAILURE)
    raise error


@contextlib.contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """SIGTERM interrupts as Ctrl-C does, where nobody else handles it."""
    ours = (threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
    if ours:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def say(message: str, code: int) -> int:
    """Print one line on stderr; returns `code`."""
    click.echo(f"statfe: {' '.join(message.split())}", err=True)
    return code


def run() -> None:
    """Console entry point."""
    # --workers shares the work out; threads of a BLAS under them would only wait for each other
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _exit_on_second_signal()
    sys.exit(main())


def _exit_on_second_signal() -> None:
    """The second Ctrl-C or SIGTERM ends the process at once, even inside a kernel, which Python cannot interrupt.

    Files are written beside their place, so that none is left half done.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def watch() -> None:
        first = 0.0
        while signal_number := os.read(reader, 1)[0]:
            now = time.monotonic()
            if signal_number not in (signal.SIGINT, signal.SIGTERM):
                continue
            if first and now - first > REPEAT_SECONDS:
                os.write(2, b"statfe: stopped at once\n")
                os._exit(INTERRUPTED)
            first = first or now

    threading.Thread(target=watch, daemon=True).start()
