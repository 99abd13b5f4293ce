"""The report of files of attractors: one section for each group that they hold, and what is missing."""
