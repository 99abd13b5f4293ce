"""The free energies of the realisations of one task: exact, or from chains, with the checks of every reference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from statfe.chains import Chains
from statfe.disorder.chains import Check, Sampled, run_lanes, run_one
from statfe.disorder.recipe import TOGETHER, Recipe, affordable
from statfe.disorder.rows import Rows
from statfe.estimators.mbar import mbar
from statfe.estimators.reference import sampled_reference
from statfe.models.ising import IsingModel
from statfe.registry import run_method, to_free_energy

#: Step of the differences in beta that give the energy, over the standard deviation of the energy at beta = 0.
STEP = 0.01


def solve_task(recipe: Recipe, members: Sequence[int], check: Check) -> Rows:
    """Rows of the realisations `members`; those that fail their checks are sampled again, longer.

    Parameters
    ----------
    check
        Called often; raises where the run is to stop.
    """
    models = [recipe.model(k) for k in members]
    rows = Rows.empty(len(members), len(recipe.betas))
    rows.bonds[:] = [model.n_bonds for model in models]
    if recipe.first is None and _exactly(recipe, models[0]):
        for row, model in enumerate(models):
            _exact(rows, row, recipe.betas, model, check)
        return rows
    todo = list(range(len(members)))
    for attempt in range(recipe.retries + 1):
        found = _sampled(recipe, [models[k] for k in todo], [members[k] for k in todo], attempt, check)
        found.attempts[:] = attempt + 1
        rows.take(todo, found)
        todo = [todo[k] for k in found.failed()]
        if not todo:
            break
    return rows


def _exactly(recipe: Recipe, model: IsingModel) -> bool:
    if recipe.solve == "auto":
        return affordable(model, len(recipe.betas), len(recipe.seeds))
    return recipe.solve == "exact"


def _exact(rows: Rows, row: int, betas: np.ndarray, model: IsingModel, check: Check) -> None:
    """beta F on five points around each beta: the energy is its slope, the heat capacity -beta^2 its curvature."""
    sigma = math.sqrt(model.energy_variance)
    # Not across beta = 0, which some methods refuse.
    step = np.minimum(STEP / max(sigma, 1e-300), np.where(betas == 0, 1.0, np.abs(betas) / 4.0))
    points = betas[:, None] + step[:, None] * np.arange(-2, 3)
    inner = betas != 0.0
    grid = np.concatenate([betas, points[inner].ravel()])
    results = run_method(model, grid, "exact", seed=0, progress=lambda _label, _share: check())
    energy, capacity = np.full(len(betas), model.offset), np.zeros(len(betas))
    f = np.array([r.beta_f for r in results[len(betas):]]).reshape(-1, 5)
    h = step[inner]
    # Abramowitz and Stegun, 25.3.6 and 25.3.24: five points, errors of order h^4.
    energy[inner] = (f[:, 0] - 8 * f[:, 1] + 8 * f[:, 3] - f[:, 4]) / (12 * h)
    curvature = (-f[:, 0] + 16 * f[:, 1] - 30 * f[:, 2] + 16 * f[:, 3] - f[:, 4]) / (12 * h**2)
    capacity[inner] = -betas[inner] ** 2 * curvature
    if sigma == 0.0:
        energy[:], capacity[:] = model.offset, 0.0
    zero = np.zeros(len(betas))
    rows.put(row, results[:len(betas)], energy=energy, heat_capacity=capacity, half_shift=zero, half_spread=zero)
    rows.method[row] = str(results[0].stats.get("exact_method", results[0].method))
    rows.attempts[row] = 1


def _sampled(recipe: Recipe, models: list[IsingModel], members: Sequence[int], attempt: int, check: Check) -> Rows:
    rows = Rows.empty(len(models), len(recipe.betas))
    rows.bonds[:] = [model.n_bonds for model in models]
    if recipe.lanes and attempt < TOGETHER:
        plan = recipe.lane_plan(members, attempt)
        found = run_lanes(models, plan, check)
        rows.sweeps[:] = plan.sweeps
    else:
        found = []
        for row, (model, member) in enumerate(zip(models, members, strict=True)):
            check()
            plan = recipe.plan(model, member, attempt)
            found.append(run_one(model, plan, check))
            rows.sweeps[row] = plan.sweeps
    for row, (model, sampled) in enumerate(zip(models, found, strict=True)):
        check()
        _analyse(rows, row, model, sampled)
    return rows


def _analyse(rows: Rows, row: int, model: IsingModel, sampled: Sampled) -> None:
    """The reference of one realisation with its verdict, and the same from each half of its replicas."""
    chains = sampled.chains
    wanted = np.flatnonzero(chains.requested)
    reference = sampled_reference(model, chains)
    method = next(iter(reference.outcomes))
    results = [to_free_energy(o, model, method, float(b), 0.0)
               for o, b in zip(reference.outcomes[method], reference.betas, strict=True)]
    value = np.array([r.beta_f for r in results])
    energy = chains.energy[:, :, wanted]
    betas = chains.betas[wanted]
    halves = _halves(model, chains)
    numbers = {
        "energy": energy.mean(axis=(0, 1)) + model.offset, "heat_capacity": betas**2 * energy.var(axis=(0, 1)),
        "magnetization": chains.magnetization[:, :, wanted].mean(axis=(0, 1)),
        "link_overlap": sampled.link_overlap[wanted]}
    if halves is not None:
        low, high = halves + betas * model.offset
        shift = np.where(betas > 0.0, 0.5 * (low + high) - value, 0.0)
        numbers |= {"half_shift": shift, "half_spread": 0.5 * np.abs(low - high)}
    rows.put(row, results, **numbers)
    rows.method[row] = method


def _halves(model: IsingModel, chains: Chains) -> np.ndarray | None:
    """beta F by MBAR from the first and the second half of the replicas at the requested rungs, shape (2, B).

    None where the halves are not independent.
    """
    middle = chains.n_replicas // 2
    if middle == 0 or chains.units is not None:
        return None
    found = []
    for own in (slice(0, middle), slice(chains.n_replicas - middle, None)):
        half = replace(chains, energy=chains.energy[own], magnetization=chains.magnetization[own], trips=None)
        mean = half.energy.mean(axis=(0, 1))
        anchor = -model.n_sites * math.log(2.0)
        start = anchor + np.concatenate([[0.0], np.cumsum(np.diff(half.betas) * 0.5 * (mean[1:] + mean[:-1]))])
        found.append(mbar(half, anchor, start).beta_f[chains.requested])
    return np.array(found)
