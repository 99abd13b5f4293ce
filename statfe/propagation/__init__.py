"""Messages and clusters: belief propagation, its double loop, tree-reweighted bounds, the cluster variation method."""
