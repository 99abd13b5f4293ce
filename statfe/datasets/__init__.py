"""Data to learn from: made on the spot or imported, binarised by a documented rule, split, kept in HDF5."""
