"""Which attractors a system has, and which share of the starts goes to each."""
