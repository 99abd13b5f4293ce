"""Figures and reports of trained machines; no physics."""
