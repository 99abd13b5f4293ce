"""Steps up the likelihood of a Boltzmann machine with 0/1 units: contrastive divergence, plain and persistent.

The units of both layers are cut in blocks by the caller, and each thread of a team does its blocks of a phase, for all
samples and chains; then the threads meet:

    start      p(h | v) of the data, and of chains that persist; hidden units drawn
    down, up   a Gibbs step: v drawn given all h, p(h | v) given all v
    close      after the last `up`: sums over the rows, for the slopes
    climb      the slopes of the weights of a block of visible units as one product, and the step along them

Blocks of columns read each weight once a product; those of rows would each read, and line up, them all. No sum goes
over blocks but that of `dots`, in their order; so threads change no bit. With the rows v of the data (n of them), v' of
the chains (m), L = [v; v'; mu; D_v] and R = [h / n; -h' / m; -D_h; -lambda], equation (1) of `statfe.machines.course`
is

    G_W = L^T R,   G_a = D_v - L^T (R lambda),   G_b = D_h - R^T (L mu),                                          (1)

so that momentum takes one product: velocity = momentum velocity + rate L^T R. Single precision.
"""

from __future__ import annotations

import numpy as np

from statfe._jit import njit
from statfe.kernels.adam import adam_step
from statfe.kernels.matrix_products import product, product_of_columns, product_with_rows, turn
from statfe.kernels.rbm import draw_single, probabilities_single
from statfe.kernels.team import meet

#: Rows of `cuts`: where block k has its visible units, hidden units and random streams.
VISIBLE, HIDDEN, STREAMS = range(3)


@njit
def _copy(rows, out, first):
    """Columns of `out` from `first` on = rows. (An assignment of slices compiles for seconds, for an error's words.)"""
    for r in range(rows.shape[0]):
        target = out[r, first:first + rows.shape[1]]
        for i in range(rows.shape[1]):
            target[i] = rows[r, i]


@njit
def _put(rows, factor, out, first):
    """Columns of `out` from `first` on = factor rows."""
    for r in range(rows.shape[0]):
        target = out[r, first:first + rows.shape[1]]
        for i in range(rows.shape[1]):
            target[i] = factor * rows[r, i]


@njit
def _add(row, factor, total):
    """total += factor row."""
    for i in range(len(row)):
        total[i] += factor * row[i]


@njit
def _chances(k, cuts, gemm, shown, parameters, ones, room):
    """p(h = 1 | v) of hidden units of block k: shape (rows, units of the block), in `room`."""
    j0, j1 = cuts[HIDDEN, k], cuts[HIDDEN, k + 1]
    out = room[:len(shown) * (j1 - j0)].reshape((len(shown), j1 - j0))
    product(gemm, shown, parameters[2][:, j0:j1], out)
    probabilities_single(out, parameters[1][j0:j1], ones, out)
    return out


@njit
def _draw(k, cuts, chances, streams, room, units, first):
    """Columns of `units` from `first` on, drawn with `chances`."""
    lanes = slice(cuts[STREAMS, k], cuts[STREAMS, k + 1])
    states = streams[:, lanes].copy()
    drawn = room[:chances.size]
    draw_single(chances.reshape(-1), states, drawn)
    _copy(states, streams, cuts[STREAMS, k])
    _copy(drawn.reshape(chances.shape), units, first)


@njit
def _start(k, cuts, gemm, left, right, chains, parameters, streams, ones, units, rooms):
    """Phase `start` of block k."""
    n, j0 = len(left) - 2 - len(units), cuts[HIDDEN, k]
    room = rooms[k]
    found = _chances(k, cuts, gemm, left[:n], parameters, ones, room[0])
    _put(found, right.dtype.type(1.0 / n), right, j0)
    if len(chains):
        found = _chances(k, cuts, gemm, chains, parameters, ones, room[0])
    _draw(k, cuts, found, streams, room[1], units, j0)


@njit
def _down(k, cuts, gemm, left, parameters, streams, ones, units, rooms):
    """Phase `down` of block k: visible units drawn into `left`."""
    i0, i1 = cuts[VISIBLE, k], cuts[VISIBLE, k + 1]
    m = len(units)
    n, size, room = len(left) - 2 - m, m * (i1 - i0), rooms[k]
    # W h^T and its transpose take the BLAS a fifth less time than h W^T
    turned, chances = room[1][:size].reshape((i1 - i0, m)), room[0][:size].reshape((m, i1 - i0))
    product_with_rows(gemm, parameters[2][i0:i1], units, turned)
    turn(turned, chances)
    probabilities_single(chances, parameters[0][i0:i1], ones, chances)
    _draw(k, cuts, chances, streams, room[1], left[n:n + m], i0)


@njit
def _close(k, cuts, gemm, left, right, chains, after, centres, dots, data_means):
    """Phase `close` of block k: its columns of R and L, what they add to R lambda and L mu, the mean of h."""
    mu, centre = centres
    i0, i1, j0, j1 = cuts[VISIBLE, k], cuts[VISIBLE, k + 1], cuts[HIDDEN, k], cuts[HIDDEN, k + 1]
    m = len(after)
    n = len(left) - 2 - m
    kind = left.dtype.type
    _put(after, kind(-1.0 / m), right[n:n + m], j0)
    if len(chains):
        for r in range(m):
            chains[r, i0:i1] = left[n + r, i0:i1]
    difference, machine = left[n + m + 1, i0:i1], np.zeros(i1 - i0, left.dtype)
    difference[:] = kind(0.0)
    for r in range(n):
        _add(left[r, i0:i1], kind(1.0), difference)
    for r in range(n, n + m):
        _add(left[r, i0:i1], kind(1.0), machine)
    for i in range(i1 - i0):
        difference[i] = kind(1.0 / n) * difference[i] - kind(1.0 / m) * machine[i]
        left[n + m, i0 + i] = mu[i0 + i]
    found, total = data_means[j0:j1], right[n + m, j0:j1]
    found[:] = kind(0.0)
    total[:] = kind(0.0)
    for r in range(n):
        _add(right[r, j0:j1], kind(1.0), found)
    for r in range(n + m):
        _add(right[r, j0:j1], kind(-1.0), total)
    for j in range(j0, j1):
        right[n + m + 1, j] = -centre[j]
    product_with_rows(gemm, right[:, j0:j1], centre[j0:j1].reshape((1, j1 - j0)), dots[k, 0].reshape((len(left), 1)))
    product_with_rows(gemm, left[:, i0:i1], mu[i0:i1].reshape((1, i1 - i0)), dots[k, 1].reshape((len(left), 1)))


@njit
def _up(k, cuts, gemm, left, right, chains, parameters, streams, ones, units, rooms, again, centres, dots, data_means):
    """Phase `up` of block k; hidden units are drawn if a step comes `again`."""
    m, room = len(units), rooms[k]
    n = len(left) - 2 - m
    after = _chances(k, cuts, gemm, left[n:n + m], parameters, ones, room[0])
    if again:
        _draw(k, cuts, after, streams, room[1], units, cuts[HIDDEN, k])
    else:
        _close(k, cuts, gemm, left, right, chains, after, centres, dots, data_means)


@njit
def _bias_slopes(rows, factors, sign, first, out):
    """out = sign first - rows^T factors, over all rows."""
    out[:] = 0.0
    _add(first, sign, out)
    for r in range(len(rows)):
        _add(rows[r], -factors[r], out)


@njit
def _move(adam, count, rates, parameters, gradient, first, second):
    """A step of flat arrays along their gradient."""
    if adam:
        adam_step(parameters, gradient, first, second, count, -rates[0], rates[4], rates[5], rates[6])
    else:
        step, momentum = parameters.dtype.type(rates[0]), parameters.dtype.type(rates[1])
        for i in range(len(parameters)):
            first[i] = momentum * first[i] + step * gradient[i]
            parameters[i] += first[i]


@njit
def _move_weights(i0, i1, gemm, adam, count, rates, carried, left, right, W, gradient, first, second):
    """A step of the weights of visible units i0 to i1 - 1.

    A velocity is multiplied by the momentum where it is added to the weights, for the next step, because a sum onto
    numbers as they are takes the BLAS less time: `carried` are the factors before the product and after the sum.
    """
    kind = W.dtype.type
    columns, own, speed = left[:, i0:i1], W[i0:i1], first[i0:i1]
    flat, flat_speed, decay = own.reshape(-1), speed.reshape(-1), kind(rates[2])
    if adam:
        slopes = gradient[i0:i1]
        product_of_columns(gemm, kind(1.0), columns, right, kind(0.0), slopes)
        flat_slopes = slopes.reshape(-1)
        for i in range(len(flat)):
            flat_slopes[i] -= decay * flat[i]
        adam_step(flat, flat_slopes, flat_speed, second[i0:i1].reshape(-1), count, -rates[0], rates[4], rates[5],
                  rates[6])
    else:
        if carried[0] != 1.0:  # not by the product, which may round otherwise
            before = kind(carried[0])
            for i in range(len(flat)):
                flat_speed[i] *= before
        product_of_columns(gemm, kind(rates[0]), columns, right, kind(1.0), speed)
        decay *= kind(rates[0])
        after = kind(carried[1])
        for i in range(len(flat)):
            moved = flat_speed[i] - decay * flat[i]
            flat[i] += moved
            flat_speed[i] = after * moved


@njit
def _climb(k, cuts, gemm, adam, count, rates, carried, left, right, dots, parameters, gradient, first, second, centres,
           data_means):
    """Phase `climb` of block k."""
    i0, i1, j0, j1 = cuts[VISIBLE, k], cuts[VISIBLE, k + 1], cuts[HIDDEN, k], cuts[HIDDEN, k + 1]
    rows = len(left)
    one, less = left.dtype.type(1.0), left.dtype.type(-1.0)
    of_right, of_left = dots[0, 0].copy(), dots[0, 1].copy()
    for block in range(1, len(dots)):
        _add(dots[block, 0], one, of_right)
        _add(dots[block, 1], one, of_left)
    _bias_slopes(left[:, i0:i1], of_right, one, left[rows - 1, i0:i1], gradient[0][i0:i1])
    _bias_slopes(right[:, j0:j1], of_left, less, right[rows - 2, j0:j1], gradient[1][j0:j1])
    _move(adam, count, rates, parameters[0][i0:i1], gradient[0][i0:i1], first[0][i0:i1], second[0][i0:i1])
    _move(adam, count, rates, parameters[1][j0:j1], gradient[1][j0:j1], first[1][j0:j1], second[1][j0:j1])
    _move_weights(i0, i1, gemm, adam, count, rates, carried, left, right, parameters[2], gradient[2], first[2],
                  second[2])
    centre, share = centres[1], left.dtype.type(rates[3])
    for j in range(j0, j1):
        centre[j] += share * (data_means[j] - centre[j])


@njit
def contrastive_steps(
    thread, threads, counter, gemm, steps, batches, chains, parameters, gradient, first, second, centres, streams,
    cuts, room, adam, count, rates,
):
    """One step for each of `batches`, by thread `thread` of `threads` that all run this at once.

    Parameters
    ----------
    counter
        For `statfe.kernels.team.meet`: int64 0, shape (1,), the same for all.
    gemm
        `statfe.kernels.matrix_products.address` of float32.
    steps
        Gibbs steps.
    batches
        Float32, shape (count, n + m + 2, n_visible): n samples first; the other rows are overwritten.
    chains
        Persistent chains, shape (m, n_visible); or of shape (0, n_visible): chains begin at the data, m = n.
    parameters, gradient, first, second
        Each a tuple (a, b, W): the machine, room for its gradient, and the moments of the optimiser (the velocity,
        twice, for momentum).
    centres
        mu of the visible units, and lambda of the hidden ones, which moves.
    streams
        uint64, shape (4, lanes).
    cuts
        Where blocks begin and end, int64, shape (3, blocks + 1).
    room
        R, units of the hidden layer (m, n_hidden), two flat arrays for each block (blocks, 2, size) that hold what one
        of its layers has for all rows, the dots (blocks, 2, n + m + 2) and the means of h over the data.
    adam, count
        Whether Adam moves, and steps made before.
    rates
        Rate, momentum, weight decay, share of the new batch in lambda, and three numbers of Adam.
    """
    right, units, rooms, dots, data_means = room
    meetings, blocks = 0, cuts.shape[1] - 1
    ones = np.ones(batches.shape[1], batches.dtype)
    for t in range(len(batches)):
        left = batches[t]
        for k in range(thread, blocks, threads):
            _start(k, cuts, gemm, left, right, chains, parameters, streams, ones, units, rooms)
        meetings = meet(counter, threads, meetings)
        for step in range(steps):
            for k in range(thread, blocks, threads):
                _down(k, cuts, gemm, left, parameters, streams, ones, units, rooms)
            meetings = meet(counter, threads, meetings)
            for k in range(thread, blocks, threads):
                _up(k, cuts, gemm, left, right, chains, parameters, streams, ones, units, rooms, step < steps - 1,
                    centres, dots, data_means)
            meetings = meet(counter, threads, meetings)
        carried = rates[1] if t == 0 else 1.0, 1.0 if t == len(batches) - 1 else rates[1]
        for k in range(thread, blocks, threads):
            _climb(k, cuts, gemm, adam, count + t + 1, rates, carried, left, right, dots, parameters, gradient, first,
                   second, centres, data_means)
        meetings = meet(counter, threads, meetings)
