"""Activations of dense layers and their slopes, row by row, in float32 or float64: what stands between BLAS products.

An activation is undone from its own output, so that no arguments are kept: tanh' = 1 - a^2, softplus' = 1 - exp(-a),
relu' = [a > 0].
"""

from __future__ import annotations

import math

import numpy as np

from statfe._jit import njit
from statfe.kernels.exponential import exp_block

#: Numbers of the activations; the last is that of an output layer.
TANH, SOFTPLUS, RELU, LINEAR = 0, 1, 2, 3


@njit
def exp_single(x, count, scale, out):
    """As `exp_block` in float32, within 2 units in the last place; below -87 counts as -87 (Cephes `expf`)."""
    for i in range(count):
        xi = x[i] if x[i] > np.float32(-87.0) else np.float32(-87.0)
        # Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits of the sum.
        shifted = xi * np.float32(1.44269504) + np.float32(12582912.0)
        scale[i] = shifted
        k = shifted - np.float32(12582912.0)
        r = (xi - k * np.float32(0.693359375)) + k * np.float32(2.12194440e-4)
        p = np.float32(1.9875691500e-4)
        p = p * r + np.float32(1.3981999507e-3)
        p = p * r + np.float32(8.3334519073e-3)
        p = p * r + np.float32(4.1665795894e-2)
        p = p * r + np.float32(1.6666665459e-1)
        p = p * r + np.float32(5.0000001201e-1)
        out[i] = (p * (r * r) + r) + np.float32(1.0)
    bits = scale.view(np.int32)
    for i in range(count):
        bits[i] = (bits[i] << 23) + 1065353216  # the exponent field of 2^k; 127 << 23 is its bias
    for i in range(count):
        out[i] *= scale[i]


@njit
def exp_any(x, count, scale, out):
    """exp of a block in the precision of `x`; arguments as in `exp_block`."""
    if x.itemsize == 8:
        exp_block(x, count, scale, out)
    else:
        exp_single(x, count, scale, out)


@njit
def activate(kind, values, biases):
    """values = f(values + biases), for rows of shape (count, width); `kind` is one of the numbers above."""
    width = values.shape[1]
    zero, one, two = values.dtype.type(0.0), values.dtype.type(1.0), values.dtype.type(2.0)
    work, powers, scale = np.empty_like(biases), np.empty_like(biases), np.empty_like(biases)
    for r in range(values.shape[0]):
        row = values[r]
        for k in range(width):
            row[k] += biases[k]
        if kind == TANH:
            for k in range(width):
                work[k] = -two * abs(row[k])
            exp_any(work, width, scale, powers)
            for k in range(width):
                size = (one - powers[k]) / (one + powers[k])
                row[k] = size if row[k] >= zero else -size
        elif kind == SOFTPLUS:
            for k in range(width):
                work[k] = -abs(row[k])
            exp_any(work, width, scale, powers)
            for k in range(width):
                row[k] = max(row[k], zero) + math.log1p(powers[k])
        elif kind == RELU:
            for k in range(width):
                row[k] = max(row[k], zero)


@njit
def through_activation(kind, outputs, slopes):
    """slopes *= f' at the `outputs` of `activate`: from d / d (output) to d / d (argument)."""
    width = outputs.shape[1]
    zero, one = slopes.dtype.type(0.0), slopes.dtype.type(1.0)
    work, powers, scale = np.empty_like(outputs[0]), np.empty_like(outputs[0]), np.empty_like(outputs[0])
    for r in range(outputs.shape[0]):
        row, into = outputs[r], slopes[r]
        if kind == TANH:
            for k in range(width):
                into[k] *= one - row[k] * row[k]
        elif kind == SOFTPLUS:
            for k in range(width):
                work[k] = -row[k]
            exp_any(work, width, scale, powers)
            for k in range(width):
                into[k] *= one - powers[k]
        elif kind == RELU:
            for k in range(width):
                into[k] = into[k] if row[k] > zero else zero
