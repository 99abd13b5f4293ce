"""How fast the samplers are: spin updates a nanosecond, beside other programs timed in the same minutes."""
