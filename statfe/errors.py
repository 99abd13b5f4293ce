"""The error classes of statfe.

Everything a user can mend (a spec, a file, a size) is a `UsageError`: the command line prints its message
and exits with code 2. A method that fails to converge raises nothing: it returns a status.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class StatfeError(Exception):
    """Base class of all errors that statfe raises on purpose."""


class UsageError(StatfeError, ValueError):
    """The request cannot be carried out as given; the message says what to change."""


class SpecError(UsageError):
    """A spec string, grid or option that does not parse or is out of range."""


class ModelError(UsageError):
    """Couplings, fields or a file that do not make a spin model."""


class NotApplicableError(UsageError):
    """A method that does not cover this model, or would need too much time or memory."""


class StoreError(UsageError):
    """A file that cannot be read, is not ours, or may not be written."""


class DamagedError(StoreError):
    """A file whose checksum does not match: cut short, or changed since it was written."""


class Interrupted(KeyboardInterrupt):
    """A signal stopped the work; the message says what was kept and how to go on."""


def unknown_name(what: str, name: str, known: Iterable[str]) -> str:
    """Message for an unknown name, with the nearest known ones."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=2, cutoff=0.4)
    hint = f"did you mean {' or '.join(repr(c) for c in close)}?" if close else f"known: {', '.join(names)}"
    return f"unknown {what} {name!r}; {hint}"
