"""A progress bar with the time left on stderr, when that is a terminal."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

import click

STEPS = 1000


@contextlib.contextmanager
def progress_bar(title: str) -> Iterator[Callable[[str, float], None] | None]:
    """Give a callback ``(label, share done)``, or None where nobody is watching."""
    if not sys.stderr.isatty():
        yield None
        return
    with click.progressbar(length=STEPS, label=title, file=sys.stderr, show_eta=True) as bar:
        done = 0

        def tell(label: str, share: float) -> None:
            nonlocal done
            bar.label = label
            now = round(share * STEPS)
            if now < done:  # a new stage starts again
                bar.pos, bar.start, bar.avg, bar.finished, done = 0, time.time(), [], False, 0
            bar.update(now - done)
            done = now

        yield tell
