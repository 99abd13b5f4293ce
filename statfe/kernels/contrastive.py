"""Steps up the likelihood of a Boltzmann machine with 0/1 units: contrastive divergence, plain and persistent.

A step has three phases, between which the threads of a team meet:

    rows       of a block of samples and chains: p(h | v) of the data, Gibbs steps of the chains, p(h | v) of these
    means      of a block of columns: sums over all rows
    climb      of a block of visible units: the slopes of its weights as one product, and the step along them

Blocks are those that the caller cuts, and no sum goes over blocks; so threads change no bit. With the rows v of the
data (n of them), v' of the chains (m), L = [v; v'; mu; D_v] and R = [h / n; -h' / m; -D_h; -lambda], equation (1) of
`statfe.machines.course` is

    G_W = L^T R,   G_a = D_v - L^T (R lambda),   G_b = D_h - R^T (L mu),                                          (1)

so that momentum takes one product: velocity = momentum velocity + rate L^T R. Single precision.
"""

from __future__ import annotations

import numpy as np

from statfe._jit import njit
from statfe.kernels.adam import adam_step
from statfe.kernels.matrix_products import product, product_of_columns, product_with_rows
from statfe.kernels.rbm import draw_single, probabilities_single
from statfe.kernels.team import meet

#: Rows of `cuts`: what block k has of samples, of chains, of visible and of hidden units, and of random streams.
SAMPLES, CHAINS, VISIBLE, HIDDEN, STREAMS = range(5)
#: Columns of a transpose that are turned round together.
TILE = 16


@njit
def _chances(gemm, rows, W, b, ones, out):
    """p(h = 1 | v) of rows of v."""
    product(gemm, rows, W, out)
    probabilities_single(out, b, ones, out)


@njit
def _turn(columns, rows):
    """rows = columns^T."""
    for start in range(0, columns.shape[0], TILE):
        end = min(start + TILE, columns.shape[0])
        for r in range(rows.shape[0]):
            for i in range(start, end):
                rows[r, i] = columns[i, r]


@njit
def _gibbs(gemm, hidden, parameters, states, ones, units, turned, shown, after):
    """From p(h = 1) `hidden`: v drawn into `shown`, and p(h = 1 | v) into `after`."""
    a, b, W = parameters
    draw_single(hidden.reshape(-1), states, units.reshape(-1))
    # W h^T and its transpose take the BLAS a fifth less time than h W^T
    product_with_rows(gemm, W, units, turned)
    _turn(turned, shown)
    probabilities_single(shown, a, ones, shown)
    draw_single(shown.reshape(-1), states, shown.reshape(-1))
    _chances(gemm, shown, W, b, ones, after)


@njit
def _copy(rows, out):
    """out = rows. (An assignment of slices compiles for seconds, for the words of an error.)"""
    for r in range(rows.shape[0]):
        for i in range(rows.shape[1]):
            out[r, i] = rows[r, i]


@njit
def _scale(rows, factor):
    """rows = factor rows."""
    for r in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            rows[r, j] *= factor


@njit
def _add(row, factor, total):
    """total += factor row."""
    for i in range(len(row)):
        total[i] += factor * row[i]


@njit
def _dots(gemm, first, last, left, right, mu, centre, dots):
    """R lambda and L mu of some rows."""
    product_with_rows(gemm, right[first:last], centre.reshape((1, len(centre))), dots[first:last, :1])
    product_with_rows(gemm, left[first:last], mu.reshape((1, len(mu))), dots[first:last, 1:])


@njit
def _rows(k, cuts, gemm, steps, left, right, chains, parameters, streams, units, turned, centres, dots):
    """Phase `rows` of block k; columns of `dots` become R lambda and L mu of its rows."""
    W, b, mu, centre = parameters[2], parameters[1], centres[0], centres[1]
    m = len(units)
    n = len(left) - 2 - m
    s0, s1, c0, c1 = cuts[SAMPLES, k], cuts[SAMPLES, k + 1], cuts[CHAINS, k], cuts[CHAINS, k + 1]
    lanes = slice(cuts[STREAMS, k], cuts[STREAMS, k + 1])
    ones = np.ones(max(s1 - s0, c1 - c0), left.dtype)
    states = streams[:, lanes].copy()
    data, shown, after = right[s0:s1], left[n + c0:n + c1], right[n + c0:n + c1]
    block = turned[c0 * W.shape[0]:c1 * W.shape[0]].reshape((W.shape[0], c1 - c0))
    _chances(gemm, left[s0:s1], W, b, ones, data)
    start = data
    if len(chains):
        _copy(chains[c0:c1], shown)
        _chances(gemm, shown, W, b, ones, after)
        start = after
    for _ in range(steps):
        _gibbs(gemm, start, parameters, states, ones, units[c0:c1], block, shown, after)
        start = after
    if len(chains):
        _copy(shown, chains[c0:c1])
    _copy(states, streams[:, lanes])
    _scale(data, right.dtype.type(1.0 / n))
    _scale(after, right.dtype.type(-1.0 / m))
    _dots(gemm, s0, s1, left, right, mu, centre, dots)
    _dots(gemm, n + c0, n + c1, left, right, mu, centre, dots)


@njit
def _means(k, cuts, m, left, right, centres, data_means):
    """Phase `means` of block k: the last two rows of L and R, and the mean of h over the data."""
    mu, centre = centres
    n = len(left) - 2 - m
    i0, i1, j0, j1 = cuts[VISIBLE, k], cuts[VISIBLE, k + 1], cuts[HIDDEN, k], cuts[HIDDEN, k + 1]
    share, other = left.dtype.type(1.0 / n), left.dtype.type(-1.0 / m)
    one, less = left.dtype.type(1.0), left.dtype.type(-1.0)
    difference, chains = left[n + m + 1, i0:i1], np.zeros(i1 - i0, left.dtype)
    difference[:] = 0.0
    for r in range(n):
        _add(left[r, i0:i1], one, difference)
    for r in range(n, n + m):
        _add(left[r, i0:i1], one, chains)
    for i in range(i1 - i0):
        difference[i] = share * difference[i] + other * chains[i]
        left[n + m, i0 + i] = mu[i0 + i]
    found, total = data_means[j0:j1], right[n + m, j0:j1]
    found[:] = 0.0
    total[:] = 0.0
    for r in range(n):
        _add(right[r, j0:j1], one, found)
    for r in range(n + m):
        _add(right[r, j0:j1], less, total)
    for j in range(j0, j1):
        right[n + m + 1, j] = -centre[j]


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
        product_of_columns(gemm, kind(rates[0]), columns, right, kind(carried[0]), speed)
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
    mu, centre = centres
    i0, i1, j0, j1 = cuts[VISIBLE, k], cuts[VISIBLE, k + 1], cuts[HIDDEN, k], cuts[HIDDEN, k + 1]
    rows = len(left)
    one, less = left.dtype.type(1.0), left.dtype.type(-1.0)
    by_row = dots.copy()
    # with -lambda as the last row of R has it: others may have moved lambda itself
    _dots(gemm, rows - 2, rows, left, right, mu, right[rows - 1], by_row)
    by_row[rows - 2, 0] = -by_row[rows - 2, 0]
    by_row[rows - 1, 0] = -by_row[rows - 1, 0]
    _bias_slopes(left[:, i0:i1], by_row[:, 0], one, left[rows - 1, i0:i1], gradient[0][i0:i1])
    _bias_slopes(right[:, j0:j1], by_row[:, 1], less, right[rows - 2, j0:j1], gradient[1][j0:j1])
    _move(adam, count, rates, parameters[0][i0:i1], gradient[0][i0:i1], first[0][i0:i1], second[0][i0:i1])
    _move(adam, count, rates, parameters[1][j0:j1], gradient[1][j0:j1], first[1][j0:j1], second[1][j0:j1])
    _move_weights(i0, i1, gemm, adam, count, rates, carried, left, right, parameters[2], gradient[2], first[2],
                  second[2])
    share = centre.dtype.type(rates[3])
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
        Each a tuple (a, b, W): the machine, room for its gradient, and the moments of the optimiser (the velocity and
        nothing, for momentum).
    centres
        mu of the visible units, and lambda of the hidden ones, which moves.
    streams
        uint64, shape (4, lanes).
    cuts
        Where blocks begin and end, int64, shape (5, blocks + 1).
    room
        R, units of the hidden layer (m, n_hidden), a flat array of m n_visible, the dots (n + m + 2, 2) and the means
        of h over the data.
    adam, count
        Whether Adam moves, and steps made before.
    rates
        Rate, momentum, weight decay, share of the new batch in lambda, and three numbers of Adam.
    """
    right, units, turned, dots, data_means = room
    m, meetings, blocks = len(units), 0, cuts.shape[1] - 1
    for t in range(len(batches)):
        left = batches[t]
        for k in range(thread, blocks, threads):
            _rows(k, cuts, gemm, steps, left, right, chains, parameters, streams, units, turned, centres, dots)
        meetings = meet(counter, threads, meetings)
        for k in range(thread, blocks, threads):
            _means(k, cuts, m, left, right, centres, data_means)
        meetings = meet(counter, threads, meetings)
        carried = rates[1] if t == 0 else 1.0, 1.0 if t == len(batches) - 1 else rates[1]
        for k in range(thread, blocks, threads):
            _climb(k, cuts, gemm, adam, count + t + 1, rates, carried, left, right, dots, parameters, gradient, first,
                   second, centres, data_means)
        meetings = meet(counter, threads, meetings)
