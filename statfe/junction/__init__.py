"""Tree decompositions: elimination orders, tables over cliques, marginals and exact samples."""
