"""Ctrl-C and SIGTERM during long work: noted while work must not be cut, else raised as `Interrupted` at once.

    with Stop("how to go on") as stop:
        ...                     # a signal raises Interrupted here
        with stop.held():
            ...                 # here it sets stop.asked; a second signal raises KeyboardInterrupt
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

from statfe.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: Programs that start others pass one Ctrl-C on a second time; repeats within this many seconds are the same signal.
REPEAT_SECONDS = 0.2


class Stop:
    """Handles SIGINT and SIGTERM for the length of a `with` block, and puts the old handlers back.

    Only in the main thread, where Python runs handlers; and only where nobody else handles or ignores the signal.

    Attributes
    ----------
    message
        What was kept and how to go on: the text of `Interrupted`.
    asked
        Whether a signal came.
    """

    def __init__(self, message: str) -> None:
        self.message = message
        self.asked = False
        self._first = 0.0
        self._held = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stop:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                before = signal.getsignal(number)
                if before in (signal.default_int_handler, signal.SIG_DFL):
                    self._before[number] = before
                    signal.signal(number, self._handle)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Within this block a signal is only noted; it is raised when the block ends."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        self.check()

    def check(self) -> None:
        """Raise `Interrupted` if a signal came."""
        if self.asked:
            raise Interrupted(f"stopped; {self.message}")

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.asked:
            self.asked, self._first = True, now
            if not self._held:
                self.check()
        elif now - self._first > REPEAT_SECONDS:
            raise KeyboardInterrupt
