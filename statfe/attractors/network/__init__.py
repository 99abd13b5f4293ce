"""What networks have learned of attractors: dimension, density, spectrum, free energies, classes."""
