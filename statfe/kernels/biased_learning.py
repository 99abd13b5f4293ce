"""Wang-Landau sweeps: a table of log weights is lowered by ln f wherever the walk is, until all places are alike.

The walk is along the energy, the magnetisation or its absolute value. A visit between two nodes is shared by them.
"""

from __future__ import annotations

from statfe._jit import njit
from statfe.kernels.biased import on_table, taken
from statfe.kernels.rng import uniform

#: What the walk is along.
ENERGY, MAGNETIZATION, ABSOLUTE = 0, 1, 2


@njit
def place_of(along, energy, magnetization, low, width):
    """Place on the table."""
    if along == ENERGY:
        return (energy - low) / width
    if along == ABSOLUTE and magnetization < 0:
        return (-magnetization - low) / width
    return (magnetization - low) / width


@njit
def reveal_node(k, table, seen):
    """Give a node that was not seen yet a value between those of the seen nodes next to it, or the nearest one's."""
    below, above = k - 1, k + 1
    while below >= 0 and not seen[below]:
        below -= 1
    while above < len(table) and not seen[above]:
        above += 1
    if below < 0 and above == len(table):
        return
    if below < 0:
        table[k] = table[above]
    elif above == len(table):
        table[k] = table[below]
    else:
        table[k] = table[below] + (k - below) / (above - below) * (table[above] - table[below])


@njit
def reveal(x, table, seen):
    """Make sure that `table` has values on both sides of place x."""
    last = len(table) - 1
    k = int(min(max(x, 0.0), last))
    if not seen[k]:
        reveal_node(k, table, seen)
    if k < last and k < x and not seen[k + 1]:
        reveal_node(k + 1, table, seen)


@njit
def deposit(x, amount, table, seen, visits):
    """Lower the table by `amount` and count a visit, shared by the nodes on both sides of place x.

    Only the nearest node becomes seen. A node that no place is nearest to has no value of its own: it would stay behind
    while all others fall, and no visits make it even with them.
    """
    last = len(table) - 1
    x = min(max(x, 0.0), last)
    k = int(x)
    share = x - k
    table[k] -= amount * (1.0 - share)
    visits[k] += 1.0 - share
    if share <= 0.5:
        seen[k] = True
    if share > 0.0:
        table[k + 1] -= amount * share
        visits[k + 1] += share
        if share > 0.5:
            seen[k + 1] = True


@njit
def learn_sweeps(spins, first_sweep, sweeps, log_f, along, beta, energy, magnetization, low, width, table, seen,
                 visits, indptr, indices, weights, fields, state):
    """`sweeps` sweeps with the weight exp(-beta E + table), which changes after every site; (energy, magnetisation).

    Wang and Landau (2001): after each trial ln g, here -table, is raised by ln f where the walk is.
    """
    for sweep in range(sweeps):
        heat_bath = (first_sweep + sweep) % 2 == 1
        for i in range(len(spins)):
            local = fields[i]
            for k in range(indptr[i], indptr[i + 1]):
                local += weights[k] * spins[indices[k]]
            cost = 2.0 * spins[i] * local
            x = place_of(along, energy, magnetization, low, width)
            new = place_of(along, energy + cost, magnetization - 2 * spins[i], low, width)
            reveal(new, table, seen)
            gain = on_table(new, table) - on_table(x, table) - beta * cost
            if taken(gain, uniform(state), heat_bath):
                magnetization -= 2 * spins[i]
                energy += cost
                spins[i] = -spins[i]
                x = new
            deposit(x, log_f, table, seen, visits)
    return energy, magnetization
