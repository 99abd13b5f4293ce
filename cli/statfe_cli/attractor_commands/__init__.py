"""The commands of ``statfe attractors``, one a file."""
