"""numba loops: arrays and random state in, arrays out. No validation, no I/O, no globals."""
