"""Variational autoencoders: training by numba kernels over BLAS products, and free energies of their posteriors."""
