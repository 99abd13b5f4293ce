"""Figures of speed and accuracy. Off by default: `make bench`, or `python -m pytest benchmarks/bench_x.py -s`."""
