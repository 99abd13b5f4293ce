"""Threads inside one kernel: each runs the same code on a share of the blocks, and they meet between its phases.

A thread that waits looks at a counter in memory, without the GIL and, for a while, without the kernel of the system:
a meeting takes a microsecond, where waking a thread that sleeps takes a hundred. After `PATIENCE` looks it gives the
core away between two looks, so that a thread that waits never keeps out the one it waits for.
"""

from __future__ import annotations

import os
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from statfe._jit import njit

#: Looks at the counter before a thread offers its core to others; some ten microseconds.
PATIENCE = 20000

if hasattr(os, "sched_yield"):
    _offer_core = types.ExternalFunction("sched_yield", types.int32())
else:
    @njit
    def _offer_core():
        return 0


def _place(context: Any, b: ir.IRBuilder, kind: types.Array, array: ir.Value) -> ir.Value:
    """Address of the first entry."""
    return context.make_array(kind)(context, b, array).data


@intrinsic
def _added(_context: Any, counter: Any) -> Any:
    """Add 1 to counter[0], an int64, in one step that no other thread can split; its value after that."""
    def code(context: Any, b: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
        one = ir.Constant(ir.IntType(64), 1)
        before = b.atomic_rmw("add", _place(context, b, signature.args[0], values[0]), one, "seq_cst")
        return b.add(before, one)

    return types.int64(counter), code


@intrinsic
def _seen(_context: Any, counter: Any) -> Any:
    """counter[0] as it is in memory now."""
    def code(context: Any, b: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
        return b.load_atomic(_place(context, b, signature.args[0], values[0]), "seq_cst", 8)

    return types.int64(counter), code


@njit
def meet(counter, threads, meetings):
    """Wait until all `threads` are here for the meeting after `meetings` others; the number of meetings, this one too.

    What any of them wrote before is seen by all of them after. `counter` is int64, of shape (1,), 0 before the first.
    """
    meetings += 1
    looks = 0
    if _added(counter) < threads * meetings:
        while _seen(counter) < threads * meetings:
            looks += 1
            if looks > PATIENCE:
                _offer_core()
    return meetings
