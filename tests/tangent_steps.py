"""The tangent steps of `statfe.kernels.tangent` in plain Python."""

from __future__ import annotations

import types

import numpy as np

from statfe.attractors.integrators import integrator_of
from statfe.attractors.tangent import STEPS
from statfe.kernels import tangent as kernels


def put(template, **parts):
    """A template in plain Python, with its stand-ins replaced."""
    names = {name: getattr(part, "py_func", part) for name, part in
             {**{n: getattr(kernels, n) for n in ("ahead", "orthonormalise", "log_determinant")}, **parts}.items()}
    return types.FunctionType(template.__code__, {**template.__globals__, **names}, template.__name__)


def plain_step(system, name, along=None):
    """The tangent step of a system in plain Python."""
    pull = put(kernels.pull_matrix, jacobian=system.jacobian) if along is None else put(
        kernels.pull_vectors, jacobian=system.jacobian, tangent=along)
    if name == "etdrk4":
        return put(kernels.etdrk4_tangent, bent=put(kernels.bent, rhs=system.rhs, pull=pull))
    return put(STEPS[name], rhs=system.rhs, pull=pull)


def rooms(n, k):
    return np.empty((6, n)), np.empty((6, n, k)), np.empty((n + 2, n))


def table_of(system, name, dt):
    table = np.zeros((7, system.dimension))
    constants = integrator_of(system, name).constants(system, dt)
    table[:len(constants)] = constants
    return table
