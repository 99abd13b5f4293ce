"""BAR: Bennett's acceptance ratio between neighbouring rungs of a tempering ladder from beta = 0, summed.

Computes -ln Z at every beta as -N ln 2 plus the differences of neighbouring rungs, each from the draws of these two.
Valid for any model whose chains equilibrate; consistent as sweeps grow, with a standard error that includes
autocorrelation and the covariance between pairs. Not a bound. MBAR of the same draws, which uses all rungs, must
agree. Cost: rungs x replicas x sweeps x bonds. Source: Bennett, J. Comput. Phys. 22, 245 (1976).
"""

from __future__ import annotations

from statfe.estimators.reference import BAR
from statfe.registry import Method
from statfe.sampling.as_method import SAMPLING_OPTIONS, sampled_run, sampling_cost

METHOD = Method(
    name=BAR,
    family="sampled",
    summary="Bennett acceptance ratio of neighbouring rungs, summed over a parallel-tempering ladder from beta = 0",
    kinds=("estimate",),
    reference="Bennett, J. Comput. Phys. 22, 245 (1976)",
    run=sampled_run(BAR),
    options=SAMPLING_OPTIONS,
    cost=sampling_cost,
    work="sweeps",
)
