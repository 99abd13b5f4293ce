"""Steps down the loss of a variational autoencoder: losses, their gradient, and Adam, by a team of threads.

A step has two phases, between which the threads meet:

    rows       of a block of points: up the encoder, down the decoder, and the slopes of all that lies between
    climb      of a block of every layer's inputs: the slopes of its weights as one product, and their step

Blocks are those of the shape. No sum goes over blocks but those of the slopes of the noise and of the square of the
gradient, in their order; so threads change no bit. Losses are those of `statfe.learned.vae.objective`.
"""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit
from statfe.kernels.adam import adam_step
from statfe.kernels.dense_layers import (
    BIASES,
    INPUTS,
    UNITS,
    WEIGHTS,
    forward,
    layer_values,
    layer_weights,
    slopes_down,
)
from statfe.kernels.matrix_products import product_of_columns
from statfe.kernels.team import meet
from statfe.kernels.vae import (
    analytic_head_slopes,
    bernoulli_rows,
    draw_latent,
    gaussian_rows,
    sample_weights,
    scale_rows,
    weighted_head_slopes,
)

#: Likelihoods and objectives by number.
BERNOULLI, GAUSSIAN, SPIN = range(3)
ELBO, IWAE, DREG = range(3)
#: Sums that a square is added up in.
SUMS = 16


@njit
def _variances(vector, floor, visible):
    """v of equation (1) of `statfe.learned.vae.model`, from the last parameters."""
    out = np.empty(visible, vector.dtype)
    for i in range(visible):
        out[i] = floor + math.exp(np.float64(vector[len(vector) - visible + i]))
    return out


@njit
def _likelihoods(likelihood, vector, floor, x, copies, outputs, log_likelihood):
    """ln p(x|z) of rows; `outputs` become its slopes."""
    if likelihood == GAUSSIAN:
        gaussian_rows(x, copies, outputs, _variances(vector, floor, x.shape[1]), log_likelihood)
    elif likelihood == SPIN:
        half, up = x.dtype.type(0.5), np.empty_like(x)
        for r in range(x.shape[0]):
            for i in range(x.shape[1]):
                up[r, i] = half * x[r, i] + half
        bernoulli_rows(up, copies, outputs, 2.0, log_likelihood)
    else:
        bernoulli_rows(x, copies, outputs, 1.0, log_likelihood)


@njit
def _noise_slopes(vector, floor, slopes, weights, share, out):
    """d loss / d noise, from d ln p / d mean = g: d ln p / d v = (g^2 - 1 / v) / 2, and dv / d noise = exp(noise)."""
    width, total = slopes.shape[1], 0.0
    variances = _variances(vector, floor, width)
    out[:] = 0.0
    for r in range(slopes.shape[0]):
        total += weights[r]
        for i in range(width):
            out[i] += weights[r] * np.float64(slopes[r, i]) * np.float64(slopes[r, i])
    for i in range(width):
        grown = math.exp(np.float64(vector[len(vector) - width + i]))
        out[i] = -0.5 * share * grown * (out[i] - total / np.float64(variances[i]))


@njit
def _rows(k, cuts, gemm, goal, kl_weight, floor, up, down, x, eps, vector, room):
    """Phase `rows` of block k."""
    kind, likelihood, objective, copies = goal
    below, to_below, above, to_above, z, to_z, own, per_point, noise_slopes, scratch = room
    p0, p1, share = cuts[k], cuts[k + 1], 1.0 / len(x)
    r0, r1 = p0 * copies, p1 * copies
    log_likelihood, log_ratio, weights = own[0, r0:r1], own[1, r0:r1], own[2, r0:r1]
    forward(gemm, kind, vector, up, x, below, below, p0, p1)
    heads = layer_values(below, len(x), up, len(up) - 1)[p0:p1]
    draw_latent(heads, eps[r0:r1], copies, z[r0:r1], log_ratio, per_point[0, p0:p1])
    forward(gemm, kind, vector, down, z, above, to_above, r0, r1)
    outputs = layer_values(to_above, len(z), down, len(down) - 1)[r0:r1]
    _likelihoods(likelihood, vector, floor, x[p0:p1], copies, outputs, log_likelihood)
    if objective == ELBO:
        weights[:] = 1.0 / copies
    else:
        for r in range(len(weights)):
            weights[r] = log_likelihood[r] + kl_weight * log_ratio[r]
        sample_weights(weights, copies, per_point[1, p0:p1], weights)
    if likelihood == GAUSSIAN:
        _noise_slopes(vector, floor, outputs, weights, share, noise_slopes[k])
    for r in range(len(weights)):
        log_ratio[r] = -share * weights[r]
    scale_rows(outputs, log_ratio)
    slopes_down(gemm, kind, vector, down, above, to_above, to_z, r0, r1, scratch[k])
    to_heads = layer_values(to_below, len(x), up, len(up) - 1)[p0:p1]
    if objective == ELBO:
        analytic_head_slopes(heads, eps[r0:r1], copies, to_z[r0:r1], share, kl_weight, to_heads)
    else:
        weighted_head_slopes(heads, eps[r0:r1], copies, z[r0:r1], to_z[r0:r1], weights, share, kl_weight,
                             objective == DREG, to_heads)
    slopes_down(gemm, kind, vector, up, below, to_below, to_z[:0], p0, p1, scratch[k])


@njit
def _square(values):
    """Sum of the squares."""
    sums = np.zeros(SUMS)
    whole = len(values) - len(values) % SUMS
    for start in range(0, whole, SUMS):
        for c in range(SUMS):
            sums[c] += np.float64(values[start + c]) * np.float64(values[start + c])
    total = 0.0
    for c in range(SUMS):
        total += sums[c]
    for i in range(whole, len(values)):
        total += np.float64(values[i]) * np.float64(values[i])
    return total


@njit
def _move(first, last, adam, count, rates, vector, gradient, moments):
    """A step of Adam, if it is asked for; the square of this part of the gradient."""
    own = gradient[first:last]
    square = _square(own)
    if adam:
        adam_step(vector[first:last], own, moments[0][first:last], moments[1][first:last], count, rates[0], rates[1],
                  rates[2], rates[3])
    return square


@njit
def _climb(k, blocks, gemm, adam, count, rates, layers, inputs, flat, slopes, vector, gradient, moments):
    """Phase `climb` of block k, for one of the networks; the square of its part of the gradient."""
    square = 0.0
    one, zero = vector.dtype.type(1.0), vector.dtype.type(0.0)
    for layer in range(len(layers)):
        below = inputs if layer == 0 else layer_values(flat, len(inputs), layers, layer - 1)
        own = layer_values(slopes, len(inputs), layers, layer)
        units, start = layers[layer, UNITS], layers[layer, WEIGHTS]
        i0, i1 = k * layers[layer, INPUTS] // blocks, (k + 1) * layers[layer, INPUTS] // blocks
        if i1 > i0:
            product_of_columns(gemm, one, below[:, i0:i1], own, zero, layer_weights(gradient, layers, layer)[i0:i1])
            square += _move(start + i0 * units, start + i1 * units, adam, count, rates, vector, gradient, moments)
        j0, j1 = layers[layer, BIASES] + k * units // blocks, layers[layer, BIASES] + (k + 1) * units // blocks
        total = gradient[j0:j1]
        total[:] = zero
        for r in range(len(own)):
            row = own[r][j0 - layers[layer, BIASES]:j1 - layers[layer, BIASES]]
            for j in range(len(row)):
                total[j] += row[j]
        square += _move(j0, j1, adam, count, rates, vector, gradient, moments)
    return square


@njit
def _climb_noise(k, blocks, adam, count, rates, noise_slopes, vector, gradient, moments):
    """The same for the noise of Gaussian units, the last of the parameters."""
    visible = noise_slopes.shape[1]
    i0, i1, start = k * visible // blocks, (k + 1) * visible // blocks, len(vector) - visible
    for i in range(i0, i1):
        total = 0.0
        for block in range(blocks):
            total += noise_slopes[block, i]
        gradient[start + i] = total
    return _move(start + i0, start + i1, adam, count, rates, vector, gradient, moments)


@njit
def _losses(objective, kl_weight, own, per_point, found):
    """The loss, -ln p(x|z) and KL(q || prior), means."""
    reconstruction, divergence, log_means = 0.0, 0.0, 0.0
    for r in range(own.shape[1]):
        reconstruction -= own[0, r] / own.shape[1]
    for i in range(per_point.shape[1]):
        divergence += per_point[0, i] / per_point.shape[1]
        log_means += per_point[1, i] / per_point.shape[1]
    found[0] = reconstruction + kl_weight * divergence if objective == ELBO else -log_means
    found[1], found[2] = reconstruction, divergence


@njit
def vae_steps(
    thread, threads, counter, gemm, cuts, goal, floor, up, down, batches, noise, kl_weights, vector, gradient, moments,
    room, squares, adam, count, rates, found,
):
    """One step for each of `batches`, by thread `thread` of `threads` that all run this at once.

    All floating arrays are of one type but where it is said.

    Parameters
    ----------
    counter
        For `statfe.kernels.team.meet`: int64 0, shape (1,), the same for all.
    gemm
        `statfe.kernels.matrix_products.address` of the type.
    cuts
        Where blocks of points begin and end, int64, shape (blocks + 1,).
    goal
        Numbers of the activation, of the likelihood and of the objective, and K: samples of a point.
    floor
        Least variance of Gaussian units.
    up, down
        Layers of the encoder and of the decoder: int64, see `statfe.kernels.dense_layers`.
    batches, noise, kl_weights
        x, shape (count, points, visible); eps, shape (count, points K, latent); b, float64, shape (count,).
    vector, gradient
        Flat parameters; the noise of Gaussian units is last.
    moments
        Running means of the gradient and of its square.
    room
        Flat arrays for the values and slopes of the encoder's layers and of the decoder's; z and its slopes,
        (points K, latent); float64: ln p(x|z), ln p(z) - ln q(z|x) and shares of the samples, (3, points K); KL and
        ln of the mean weight of the points, (2, points); slopes of the noise, (blocks, visible or 0). Then one flat
        array a block for the inputs of the widest layer, (blocks, size).
    squares
        Float64, shape (blocks,).
    adam, count, rates
        Whether Adam moves; steps made before; its rate, two decays and epsilon.
    found
        Written: loss, mean of -ln p(x|z), mean divergence, square of the gradient; float64, shape (count, 4).
    """
    below, to_below, above, to_above, z, _, own, per_point, noise_slopes, _ = room
    meetings, blocks = 0, len(cuts) - 1
    for t in range(len(batches)):
        for k in range(thread, blocks, threads):
            _rows(k, cuts, gemm, goal, kl_weights[t], floor, up, down, batches[t], noise[t], vector, room)
        meetings = meet(counter, threads, meetings)
        for k in range(thread, blocks, threads):
            square = _climb(k, blocks, gemm, adam, count + t + 1, rates, down, z, above, to_above, vector, gradient,
                            moments)
            square += _climb(k, blocks, gemm, adam, count + t + 1, rates, up, batches[t], below, to_below, vector,
                             gradient, moments)
            if goal[1] == GAUSSIAN:
                square += _climb_noise(k, blocks, adam, count + t + 1, rates, noise_slopes, vector, gradient, moments)
            squares[k] = square
        if thread == 0:
            _losses(goal[2], kl_weights[t], own, per_point, found[t])
        meetings = meet(counter, threads, meetings)
        if thread == 0:
            found[t, 3] = 0.0
            for k in range(blocks):
                found[t, 3] += squares[k]
