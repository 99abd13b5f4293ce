"""The upward pass of one beta, in pieces, so that a run can show progress and be interrupted."""

from __future__ import annotations

import math

import numpy as np

from statfe.junction.plan import JunctionTree
from statfe.kernels.junction import collect

#: Largest range of the logarithms in a table of plain weights; doubles hold 1400.
MAX_SPREAD = 600.0
#: Table entries and sites (each counts as 200) that a kernel call may take: some 0.2 s.
PIECE = 2.0**26


class Messages:
    """Tables over separators for one beta.

    Attributes
    ----------
    kept
        P(s_v = +1 | S) of all sites in the rows of `JunctionTree.kept_ptr`; empty unless asked for.
    """

    def __init__(self, tree: JunctionTree, beta: float, keep: bool = False) -> None:
        self.tree, self.beta, self.keep = tree, beta, keep
        with np.errstate(over="ignore"):
            self.scaled = abs(beta) * tree.spread <= MAX_SPREAD
        self.table = np.empty(tree.room)
        self.scales = np.empty(len(tree.sites))
        self.logs = np.zeros(2)
        # numba takes a slice of it at every place, kept or not
        self.kept = np.empty(int(tree.kept_ptr[-1]) if keep else 0)
        work = np.cumsum(np.exp2(np.diff(tree.ptr)) + 200.0)
        stops = np.flatnonzero(np.diff(work // PIECE, append=np.inf)) + 1
        self.pieces = list(zip([0, *stops[:-1].tolist()], stops.tolist(), strict=True))

    def go(self, piece: int) -> None:
        """Take one piece of the sites; nothing when past the last."""
        if piece < len(self.pieces):
            t = self.tree
            collect(
                *self.pieces[piece], self.beta, self.scaled, t.ptr, t.separators, t.fields, t.bond_ptr, t.bond_to,
                t.bond_weights, t.child_ptr, t.children, t.slots, self.table, self.scales, self.logs, self.keep,
                t.kept_ptr, self.kept)

    def run(self) -> float:
        """Take all pieces; ln Z."""
        for piece in range(len(self.pieces)):
            self.go(piece)
        return self.log_z

    @property
    def log_z(self) -> float:
        """ln Z once all sites are summed out, without the model's offset."""
        return float(self.logs[0])


def out_of_range(tree: JunctionTree, beta: float) -> bool:
    """Whether beta times the energy leaves the range of doubles."""
    with np.errstate(over="ignore"):
        reach = float(np.abs(tree.fields).sum() + np.abs(tree.bond_weights).sum())
        return not math.isfinite(4.0 * abs(beta) * reach)
