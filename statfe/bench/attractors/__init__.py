"""Exponents of every system of the catalogue against published values and the rules they must obey."""
