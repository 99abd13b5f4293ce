"""Attractors of our own models: the memories of a Hopfield network, the solutions of the TAP equations."""
