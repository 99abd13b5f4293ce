"""Structured trial distributions with their best parameters: independent blocks, spanning trees."""
