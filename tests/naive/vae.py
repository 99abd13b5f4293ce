"""A variational autoencoder written from its formulas, one sample at a time, in plain numpy."""

from __future__ import annotations

import math

import numpy as np

from statfe.learned.vae.model import NOISE, Vae

FUNCTIONS = {
    "tanh": math.tanh,
    "softplus": lambda x: math.log1p(math.exp(-abs(x))) + max(x, 0.0),
    "relu": lambda x: max(x, 0.0),
}


def dense(vae, name, values):
    """Outputs of the encoder or the decoder for one input."""
    arrays, layer = vae.arrays, 0
    while f"{name}-weights-{layer}" in arrays:
        W, b = arrays[f"{name}-weights-{layer}"], arrays[f"{name}-biases-{layer}"]
        sums = [sum(values[i] * W[i, k] for i in range(len(values))) + b[k] for k in range(W.shape[1])]
        last = f"{name}-weights-{layer + 1}" not in arrays
        values = sums if last else [FUNCTIONS[vae.shape.activation](s) for s in sums]
        layer += 1
    return np.array(values, dtype=float)


def log_likelihood(vae: Vae, x, z) -> float:
    """ln p(x|z), by the probability of each unit."""
    total = 0.0
    for i, a in enumerate(dense(vae, "decoder", z)):
        if vae.shape.likelihood == "bernoulli":
            p = 1.0 / (1.0 + math.exp(-a))
            total += x[i] * math.log(p) + (1.0 - x[i]) * math.log(1.0 - p)
        elif vae.shape.likelihood == "spin":
            total += math.log(math.exp(a * x[i]) / (math.exp(a) + math.exp(-a)))
        else:
            v = vae.shape.noise_floor + math.exp(vae.arrays[NOISE][i])
            total += math.log(math.exp(-((x[i] - a) ** 2) / (2.0 * v)) / math.sqrt(2.0 * math.pi * v))
    return total


def normal(z, mean, width) -> float:
    """ln of a product of normal densities."""
    return sum(-0.5 * ((z[c] - mean[c]) / width[c]) ** 2 - math.log(width[c] * math.sqrt(2.0 * math.pi))
               for c in range(len(z)))


def encode(vae: Vae, x):
    """mu and sigma of q(z|x)."""
    heads = dense(vae, "encoder", x)
    latent = vae.shape.latent
    return heads[:latent], np.exp(0.5 * heads[latent:])


def log_weight(vae: Vae, x, eps, b=1.0, q=None) -> float:
    """ln p(x|z) + b [ln p(z) - ln q(z|x)] at z = mu + sigma eps; with `q` its parameters in ln q are those given."""
    mean, width = encode(vae, x)
    z = mean + width * eps
    return log_likelihood(vae, x, z) + b * (
        normal(z, np.zeros(len(z)), np.ones(len(z))) - normal(z, *(q or (mean, width))))


def loss(vae: Vae, data, noise, objective) -> float:
    """The mean loss of `objective`."""
    total = 0.0
    for x, eps in zip(data, noise, strict=True):
        mean, width = encode(vae, x)
        if objective.name == "autoencoder":
            total -= log_likelihood(vae, x, mean)
        elif objective.name == "elbo":
            # KL of two normal distributions, unit by unit
            kl = sum(-math.log(s) + (s * s + m * m) / 2.0 - 0.5 for m, s in zip(mean, width, strict=True))
            total += objective.kl_weight * kl - np.mean([log_likelihood(vae, x, mean + width * e) for e in eps])
        else:
            total -= math.log(np.mean([math.exp(log_weight(vae, x, e, objective.kl_weight)) for e in eps]))
    return total / len(data)
