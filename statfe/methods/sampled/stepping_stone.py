"""Stepping stone: ratios of neighbouring Z as exponential averages, along a tempering ladder from beta = 0.

Computes -ln Z at every beta as -N ln 2 minus the sum of ln <exp(-h E)> over the hotter rung of each pair, with its bias
of order 1 / n taken off by a jackknife. Valid for any model whose chains equilibrate; consistent as sweeps grow, with a
standard error that includes autocorrelation and the covariance between pairs. Not a bound. MBAR of the same draws must
agree. Cost: as for MBAR. Source: Xie, Lewis, Fan, Kuo and Chen, Syst. Biol. 60, 150 (2011).
"""

from __future__ import annotations

from statfe.estimators.reference import STEPPING
from statfe.registry import Method
from statfe.sampling.as_method import SAMPLING_OPTIONS, sampled_run, sampling_cost

METHOD = Method(
    name=STEPPING,
    family="sampled",
    summary="exponential averages from each rung to the next, over a parallel-tempering ladder from beta = 0",
    kinds=("estimate",),
    reference="Xie, Lewis, Fan, Kuo and Chen, Syst. Biol. 60, 150 (2011)",
    run=sampled_run(STEPPING),
    options=SAMPLING_OPTIONS,
    cost=sampling_cost,
    work="sweeps",
)
