"""Whether to start a run, go on with one, or leave it: what `--resume` and `--force` find beside the output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from statfe._jit import source_hash
from statfe.errors import DamagedError, StoreError, UsageError
from statfe.random import draw_seed
from statfe.store.parts import Parts
from statfe.store.provenance import created, versions
from statfe.store.request import differences
from statfe.store.run_file import stored_request
from statfe.store.shards import read_sealed, write_sealed

Notify = Callable[[str], object]


def claim(parts: Parts, request: dict[str, Any], *, resume: bool, force: bool,
          notify: Notify | None = None) -> dict[str, Any] | None:
    """The request that is to be worked on, with its seed: a new one, or that of the unfinished run in `parts`.

    Parameters
    ----------
    request
        From `simulate_request`; its seed may be None, and is then that of the unfinished run, or drawn.
    resume
        Go on with an unfinished run.
    force
        Discard it (without `resume`), and replace an output that exists.

    Returns
    -------
    dict, or None where the output is that of the request already.

    Raises
    ------
    StoreError
        There is an unfinished run and neither `resume` nor `force`, or an output that may not be replaced.
    UsageError
        The unfinished run is another one; the message names what differs.
    """
    say = notify or (lambda line: None)
    stored = _manifest(parts, give_up=force and not resume)
    if stored is not None and not resume:
        if not force:
            raise StoreError(f"an unfinished run is in {parts.folder}; --resume continues it, --force discards it")
        stored = None
    code = {"statfe": versions()["statfe"], "kernels": source_hash()}
    if stored is None:
        parts.clear()
        if resume and _complete(parts, request, force):
            return None
        if resume:
            say(f"no unfinished run in {parts.folder}; starting from the beginning")
        asked = {**request, "seed": draw_seed() if request["seed"] is None else request["seed"]}
        facts = {"request": asked, "code": code, "replaces": parts.output.exists(), "created": created()}
        write_sealed(parts.manifest, facts, {})
        return asked
    wrong = differences(stored["request"] | stored["code"], request | code)
    _refuse(f"{parts.folder} holds another run", wrong, "discard it with --force")
    found: dict[str, Any] = stored["request"]
    # The run was started with --force where it replaces something.
    if _complete(parts, found, force or stored["replaces"]):
        parts.clear()
        return None
    return found


def _manifest(parts: Parts, give_up: bool) -> dict[str, Any] | None:
    if not parts.manifest.exists():
        return None
    try:
        return read_sealed(parts.manifest)[0]
    except DamagedError as error:
        if give_up:
            return None
        raise StoreError(f"{error}, so the run cannot go on; discard it with --force") from None


def _complete(parts: Parts, request: dict[str, Any], replace: bool) -> bool:
    """Whether the output is there and is what `request` asks for."""
    if not parts.output.exists():
        return False
    stored = stored_request(parts.output)
    wrong = differences(stored, request) if stored else []
    if stored and not wrong:
        return True
    if not replace:
        _refuse(f"{parts.output} holds another run", wrong, "replace it with --force")
        raise StoreError(f"{parts.output} exists; use --force to replace it")
    return False


def _refuse(what: str, wrong: list[str], cure: str) -> None:
    if wrong:
        raise UsageError(f"{what}: {'; '.join(wrong)}; ask for the same, or {cure}")
