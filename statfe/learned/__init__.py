"""Networks trained by numba kernels over BLAS products: flat parameters, Adam, and the autoregressive trial."""
