"""MBAR: the multistate Bennett acceptance ratio over a tempering ladder from beta = 0.

Computes -ln Z at every beta from the energies of chains at many beta, anchored at beta = 0 where it is -N ln 2.
Valid for any model whose chains equilibrate; consistent as the sweeps grow, with a standard error that includes
autocorrelation. Not a bound. Thermodynamic integration of the same draws must agree within 4 sigma.
Cost: rungs x replicas x sweeps x bonds. Source: Shirts and Chodera, J. Chem. Phys. 129, 124105 (2008).
"""

from __future__ import annotations

from statfe.estimators.reference import MBAR
from statfe.registry import Method
from statfe.sampling.as_method import SAMPLING_OPTIONS, sampled_run, sampling_cost

METHOD = Method(
    name=MBAR,
    family="sampled",
    summary="multistate Bennett acceptance ratio over a parallel-tempering ladder from beta = 0",
    kinds=("estimate",),
    reference="Shirts and Chodera, J. Chem. Phys. 129, 124105 (2008)",
    run=sampled_run(MBAR),
    options=SAMPLING_OPTIONS,
    cost=sampling_cost,
    work="sweeps",
)
