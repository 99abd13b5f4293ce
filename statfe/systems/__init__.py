"""Dynamical systems: flows and maps with their parameters, Jacobians, symmetries and what is known of them."""
