"""Trained machines scored on data: log-likelihoods, posteriors point by point, and what is drawn of a machine."""
