"""How far the sampled free energies are from exact ones, and whether their errors say so."""
