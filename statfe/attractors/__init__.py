"""Attractors of dynamical systems: trajectories, invariants, basins, and networks that learn them."""
