"""Expansions of ln Z: cumulants around a trial to eighth order, closed graphs in tanh(beta J)."""
