"""Averages over quenched disorder: many realisations of one family, each solved, and what they say together."""
