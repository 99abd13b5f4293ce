"""One file a family of models; each exports ``FAMILY``."""
