"""Thermodynamic integration: beta F = -N ln 2 + int_0^beta <E> dbeta' over a tempering ladder.

Computes the integral by the two-point rule with the first three cumulants of the energy at every rung.
Valid for any model whose chains equilibrate; consistent as sweeps grow and rungs get closer. The standard error
includes autocorrelation and an estimate of the quadrature error. Not a bound. Cost: as for MBAR.
Source: Kirkwood, J. Chem. Phys. 3, 300 (1935).
"""

from __future__ import annotations

from statfe.estimators.reference import INTEGRATION
from statfe.registry import Method
from statfe.sampling.as_method import SAMPLING_OPTIONS, sampled_run, sampling_cost

METHOD = Method(
    name=INTEGRATION,
    family="sampled",
    summary="mean energy integrated over beta from beta = 0, over a parallel-tempering ladder",
    kinds=("estimate",),
    reference="Kirkwood, J. Chem. Phys. 3, 300 (1935)",
    run=sampled_run(INTEGRATION),
    options=SAMPLING_OPTIONS,
    cost=sampling_cost,
    work="sweeps",
)
