"""Flat-histogram and umbrella sampling: weights learned or given along the energy or the magnetisation."""
