"""Dense layers inside kernels, for blocks of rows: products, activations, and their slopes.

A network is a table of its layers, int64, shape (depth, 5), columns `INPUTS` to `BEFORE`; its matrices and biases lie
in one flat vector, and what its layers have for all rows in another, layer after layer. All but the last layer have the
activation `kind` of `statfe.kernels.activations`.
"""

from __future__ import annotations

from statfe._jit import njit
from statfe.kernels.activations import LINEAR, activate, through_activation
from statfe.kernels.matrix_products import product, product_with_rows, turn

#: Units below and of a layer, where its weights and biases begin in the parameters, and units of the layers before it.
INPUTS, UNITS, WEIGHTS, BIASES, BEFORE = range(5)
#: Multiplications of a product with a transposed matrix that is turned round: the BLAS takes a fifth less time for it.
LEAST_TURNED = 2**21


@njit
def layer_weights(vector, layers, layer):
    """The matrix of a layer, shape (inputs, units)."""
    start, inputs, units = layers[layer, WEIGHTS], layers[layer, INPUTS], layers[layer, UNITS]
    return vector[start:start + inputs * units].reshape((inputs, units))


@njit
def layer_values(flat, count, layers, layer):
    """What a layer has for `count` rows, shape (count, units)."""
    start, units = count * layers[layer, BEFORE], layers[layer, UNITS]
    return flat[start:start + count * units].reshape((count, units))


@njit
def forward(gemm, kind, vector, layers, inputs, flat, outputs, first, last):
    """Values of rows first to last - 1 of all layers; those of the last one lie in `outputs`."""
    below = inputs[first:last]
    for layer in range(len(layers)):
        out = layer_values(outputs if layer == len(layers) - 1 else flat, len(inputs), layers, layer)[first:last]
        product(gemm, below, layer_weights(vector, layers, layer), out)
        start = layers[layer, BIASES]
        activate(LINEAR if layer == len(layers) - 1 else kind, out, vector[start:start + layers[layer, UNITS]])
        below = out


@njit
def slopes_down(gemm, kind, vector, layers, flat, slopes, to_inputs, first, last, room):
    """From d / d outputs to d / d arguments of every layer, and to d / d inputs where these have rows."""
    count = len(slopes) // (layers[-1, BEFORE] + layers[-1, UNITS])
    for layer in range(len(layers) - 1, -1, -1):
        own = layer_values(slopes, count, layers, layer)[first:last]
        if layer < len(layers) - 1:
            through_activation(kind, layer_values(flat, count, layers, layer)[first:last], own)
        if layer == 0 and len(to_inputs) == 0:
            return
        below = to_inputs[first:last] if layer == 0 else layer_values(slopes, count, layers, layer - 1)[first:last]
        W = layer_weights(vector, layers, layer)
        if own.size * len(W) >= LEAST_TURNED:
            turned = room[:below.size].reshape((below.shape[1], below.shape[0]))
            product_with_rows(gemm, W, own, turned)
            turn(turned, below)
        else:
            product_with_rows(gemm, own, W, below)
