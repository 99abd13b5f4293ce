"""What the approximate methods share: fixed points, starts, distinct solutions, the bound of a product trial."""
