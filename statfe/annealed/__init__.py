"""Particles led from a law that is known to the one that is asked for: paths, particles, weights and populations."""
