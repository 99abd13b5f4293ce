"""Hamiltonian moves of particles in the latent space of an autoencoder, along a path from a Gaussian to a posterior.

    ln pi_t(z) = (1 - t) ln N(z; m, s^2) + t [ln p(z) + ln p(x|z)]

up to a constant. One leapfrog step a move is the Langevin algorithm with its rejection (P. J. Rossky, J. D. Doll and
H. L. Friedman, J. Chem. Phys. 69, 4628 (1978)); more are hybrid Monte Carlo (S. Duane et al., Phys. Lett. B 195, 216
(1987)). The decoder is a chain of dense layers given as tuples of arrays.
"""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit
from statfe.kernels.activations import LINEAR, activate, through_activation
from statfe.kernels.vae import bernoulli_rows, gaussian_rows


@njit
def likelihood_slopes(z, weights, biases, activation, scale, target, variances, log_p):
    """ln p(x|z) of each particle, written to `log_p`; returns its gradient, shape (particles, latent).

    Parameters
    ----------
    weights, biases
        Of the layers of the decoder, tuples of arrays of shapes (inputs, units) and (units,).
    activation
        Number of the activation of hidden layers.
    scale
        1 for Bernoulli units, 2 for spins, 0 for Gaussian ones.
    target
        x as the rows of the likelihood take it, shape (1, visible).
    """
    depth = len(weights)
    layers = [z]
    for k in range(depth):
        values = np.dot(layers[k], weights[k])
        activate(LINEAR if k == depth - 1 else activation, values, biases[k])
        layers.append(values)
    slopes = layers[depth]
    if scale > 0.0:
        bernoulli_rows(target, len(z), slopes, scale, log_p)
    else:
        gaussian_rows(target, len(z), slopes, variances, log_p)
    for k in range(depth - 1, -1, -1):
        if k < depth - 1:
            through_activation(activation, layers[k + 1], slopes)
        slopes = np.dot(slopes, weights[k].T)
    return slopes


@njit
def hamiltonian_move(
    z, t, mean, width, momenta, uniforms, steps, leaps, weights, biases, activation, scale, target, variances, log_p,
    slopes,
):
    """One move of every particle; returns how many were accepted.

    Parameters
    ----------
    z
        Shape (particles, latent); changed in place, like `log_p` and `slopes`, which belong to it.
    mean, width
        m and s, shape (latent,).
    momenta, uniforms
        Normal draws, shape of `z`, and draws in [0, 1), shape (particles,).
    steps, leaps
        Length of a leapfrog step along each axis, shape (latent,), and how many there are.
    """
    count, latent = z.shape
    place, speed = z.copy(), momenta.copy()
    force = np.empty((count, latent))
    here, there = np.empty(count), np.empty(count)
    new_log_p, new_slopes = log_p.copy(), slopes.copy()
    for leap in range(leaps + 1):
        # half a step of the momenta at both ends, whole ones between
        share = 0.5 if leap == 0 or leap == leaps else 1.0
        for r in range(count):
            for c in range(latent):
                base = -(place[r, c] - mean[c]) / (width[c] * width[c])
                force[r, c] = (1.0 - t) * base + t * (new_slopes[r, c] - place[r, c])
                speed[r, c] += share * steps[c] * force[r, c]
        if leap < leaps:
            for r in range(count):
                for c in range(latent):
                    place[r, c] += steps[c] * speed[r, c]
            new_slopes = likelihood_slopes(
                place, weights, biases, activation, scale, target, variances, new_log_p)
    accepted = 0
    for r in range(count):
        here[r], there[r] = t * log_p[r], t * new_log_p[r]
        for c in range(latent):
            before, after = (z[r, c] - mean[c]) / width[c], (place[r, c] - mean[c]) / width[c]
            here[r] -= 0.5 * ((1.0 - t) * before * before + t * z[r, c] * z[r, c] + momenta[r, c] * momenta[r, c])
            there[r] -= 0.5 * ((1.0 - t) * after * after + t * place[r, c] * place[r, c] + speed[r, c] * speed[r, c])
        # a comparison with NaN is false: the particle stays
        if math.log(1.0 - uniforms[r]) < there[r] - here[r]:
            accepted += 1
            log_p[r] = new_log_p[r]
            for c in range(latent):
                z[r, c], slopes[r, c] = place[r, c], new_slopes[r, c]
    return accepted
