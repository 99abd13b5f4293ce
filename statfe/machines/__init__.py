"""Machines that learn a distribution from data: the restricted Boltzmann machine, its free energies and training."""
