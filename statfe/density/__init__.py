"""Densities of states: how many states a model has at each energy."""
