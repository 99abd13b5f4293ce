"""Ising models on planar graphs and on the torus: embeddings, signs, orders and Pfaffians."""
