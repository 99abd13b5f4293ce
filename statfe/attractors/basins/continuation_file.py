"""A continuation in HDF5: /continuation on `value` and `attractor` (its identity), and /events."""

from __future__ import annotations

from os import PathLike

import h5py
import numpy as np

from statfe.attractors.basins.continuation import Continuation
from statfe.attractors.found import ANSWERS
from statfe.store.hdf5 import create_root, new_file, write_attributes, write_coordinate, write_variable

ARRAYS = {
    "stability": ("1/time", "largest Lyapunov exponent or eigenvalue; negative is stable"),
    "basin_fraction": ("1", "share of the starts that ends there, NaN where the attractor is not there"),
    "basin_fraction_error": ("1", "binomial error of the share"),
}
STATS = {"period": ("time", "period of a limit cycle"),
         "largest_exponent": ("1/time", "largest Lyapunov exponent"),
         "largest_exponent_error": ("1/time", "error of the largest exponent")}


def write_continuation(path: str | PathLike[str], done: Continuation, command: str = "") -> None:
    """Write a continuation.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    with new_file(path) as file:
        create_root(file, f"attractors of {done.system} along {done.parameter}", done.system, "identification",
                    done.seed, command)
        _write_branches(file.create_group("continuation"), done)
        _write_events(file.create_group("events"), done)


def _write_branches(group: h5py.Group, done: Continuation) -> None:
    names = done.sets[0].coordinates
    shape = (len(done.values), done.count)
    write_attributes(group, parameter=done.parameter, method=done.sets[0].method)
    write_coordinate(group, "value", done.values, "1", f"value of {done.parameter}")
    write_coordinate(group, "attractor", np.arange(done.count, dtype=np.int32), "1", "identity of the attractor")
    write_coordinate(group, "coordinate", np.array(names, dtype=object), "1", "name of the coordinate")
    write_coordinate(group, "answer", np.array(list(ANSWERS.values()), dtype=object), "1", "answers of starts")
    state, kind = np.full((*shape, len(names)), np.nan), np.full(shape, "", dtype=object)
    for k, (found, row) in enumerate(zip(done.sets, done.identities, strict=True)):
        for j, identity in enumerate(row):
            state[k, identity], kind[k, identity] = found.states[j], found.kinds[j]
    for name, words in (("status", "whether the answer can be relied on"), ("message", "what to change where not")):
        texts = np.array([getattr(found, name) for found in done.sets], dtype=object)
        write_variable(group, name, texts, ("value",), "1", words)
    write_variable(group, "state", state, ("value", "attractor", "coordinate"), "1", "a state on the attractor")
    write_variable(group, "kind", kind, ("value", "attractor"), "1", "what sort it is; empty where it is not there")
    for name, (units, long_name) in {**ARRAYS, **STATS}.items():
        values = np.full(shape, np.nan)
        for k, (found, row) in enumerate(zip(done.sets, done.identities, strict=True)):
            values[k, list(row)] = getattr(found, name) if name in ARRAYS else found.stats[name]
        write_variable(group, name, values, ("value", "attractor"), units, long_name)
    shares = np.array([[found.share(answer) for answer in ANSWERS] for found in done.sets])
    write_variable(group, "share", shares, ("value", "answer"), "1", "share of the starts without an attractor")


def _write_events(group: h5py.Group, done: Continuation) -> None:
    events = done.events
    write_coordinate(group, "event", np.arange(len(events), dtype=np.int32), "1", "index of the event")
    write_variable(group, "before", np.array([e.before for e in events], np.float64), ("event",), "1",
                   f"last value of {done.parameter} before it")
    write_variable(group, "after", np.array([e.after for e in events], np.float64), ("event",), "1",
                   f"first value of {done.parameter} after it")
    write_variable(group, "attractor", np.array([e.identity for e in events], np.int32), ("event",), "1",
                   "identity of the attractor")
    for name, long_name in (("what", "sort of event"), ("message", "in words")):
        texts = np.array([str(getattr(e, name)) for e in events], dtype=object)
        write_variable(group, name, texts, ("event",), "1", long_name)
