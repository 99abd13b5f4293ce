"""The damped driver, extrapolation, budgets of searches, and what is one solution."""

from __future__ import annotations

import numpy as np
import pytest

from statfe.blas import one_thread
from statfe.result import Outcome
from statfe.variational.fixed_point import FixedPoint, _Step, extrapolated, scaled_residual, solve_fixed_point
from statfe.variational.solutions import Search, Solution, Start, along_betas, distinct, search


def linear(matrix: np.ndarray, shift: np.ndarray):
    return lambda x: matrix @ x + shift


@pytest.mark.parametrize("memory", [0, 3])
def test_solves_a_contraction(memory: int) -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(6, 6)) / 8, rng.normal(size=6)
    found = solve_fixed_point(linear(a, b), np.zeros(6), memory=memory)
    assert found.converged
    assert found.message == ""
    np.testing.assert_allclose(found.x, np.linalg.solve(np.eye(6) - a, b), atol=1e-11)


def test_extrapolation_of_a_line_is_exact() -> None:
    """In one dimension a secant step solves a linear map, even one that repels."""
    g = lambda x: 3.0 * x + 1.0  # noqa: E731
    steps = [_Step(np.array([x]), np.array([g(x) - x])) for x in (0.0, 1.0)]
    np.testing.assert_allclose(extrapolated(steps), [-0.5], atol=1e-12)


def test_extrapolation_saves_steps_near_a_slow_mode() -> None:
    g = linear(np.diag([0.999, 0.5]), np.ones(2))
    plain = solve_fixed_point(g, np.zeros(2), iterations=300)
    mixed = solve_fixed_point(g, np.zeros(2), iterations=300, memory=3)
    assert not plain.converged
    assert mixed.converged


def test_damping_grows_until_a_cycle_is_a_spiral() -> None:
    """x -> -1.5 x swings out without damping; plain averaging with a >= 0.2 pulls it in."""
    found = solve_fixed_point(lambda x: -1.5 * np.tanh(x), np.array([1.0]))
    assert found.converged
    assert abs(found.x[0]) < 1e-11


def test_stalled_run_ends_early() -> None:
    found = solve_fixed_point(lambda x: x + np.array([1.0]) * np.maximum(1.0, np.abs(x)), np.zeros(1), iterations=10**6)
    assert not found.converged
    assert found.iterations < 5000
    assert "raise iterations or damping" in found.message


def test_not_finite_map_stops_at_the_best_point() -> None:
    found = solve_fixed_point(lambda x: np.where(x < 3, x + 1.0, np.nan), np.zeros(1))
    assert not found.converged
    assert np.isfinite(found.residual)
    assert np.all(np.isfinite(found.x))


def test_merit_drops_extrapolations_that_raise_it() -> None:
    """A merit that always finds the extrapolation worse leaves the plain path, to the bit."""
    g = linear(np.diag([0.9, 0.2]), np.zeros(2))
    calls: list[np.ndarray] = []

    def merit(x: np.ndarray) -> float:
        calls.append(x)
        return float(len(calls) % 2)  # asked for the extrapolation first, then for the plain step

    held = solve_fixed_point(g, np.ones(2), memory=2, merit=merit, iterations=50)
    plain = solve_fixed_point(g, np.ones(2), memory=0, iterations=50)
    taken = solve_fixed_point(g, np.ones(2), memory=2, merit=lambda x: 0.0, iterations=50)
    assert calls
    np.testing.assert_array_equal(held.x, plain.x)
    assert not np.array_equal(taken.x, plain.x)


def test_scaled_residual_is_relative_for_large_entries() -> None:
    assert scaled_residual(np.array([100.0, 0.1]), np.array([1.0, 0.005])) == pytest.approx(0.01)
    assert scaled_residual(np.empty(0), np.empty(0)) == 0.0


def solution(beta_f: float, means: list[float], converged: bool = True, iterations: int = 3) -> Solution:
    return Solution(
        beta_f, np.array(means), FixedPoint(np.array(means), 0.0 if converged else 1.0, iterations, converged), "test")


def test_distinct_merges_repeats_and_flips() -> None:
    runs = [solution(-1.0, [0.5, 0.2]), solution(-1.0, [-0.5, -0.2]), solution(-2.0, [0.9, 0.9])]
    assert [s.beta_f for s in distinct(runs, 2, symmetric=True)] == [-2.0, -1.0]
    assert [s.beta_f for s in distinct(runs, 2, symmetric=False)] == [-2.0, -1.0, -1.0]


def test_search_finishes_only_runs_that_may_matter() -> None:
    """Runs past their budget go on below the best converged one, and not above."""
    seen: list[tuple[str, int | None]] = []

    def solve(start: Start) -> Solution:
        seen.append((start.name, start.budget))
        value = {"done": -1.0, "low": -2.0, "high": 0.0}[start.name]
        done = start.name == "done" or start.budget is None
        return solution(value, [value], converged=done, iterations=5 if done else 10)

    found = search(
        [Start("done", np.zeros(1)), Start("low", np.zeros(1), 10), Start("high", np.zeros(1), 10)], solve, 1,
        symmetric=False)
    assert seen[3:] == [("low", None)]
    assert [s.beta_f for s in found.solutions] == [-2.0, -1.0]
    assert found.solutions[0].point.iterations == 15
    assert len(found.failed) == 1


def test_search_without_success_speaks_for_the_nearest_run() -> None:
    found = search([Start("a", np.zeros(1))], lambda s: solution(0.0, [0.0], converged=False), 1, symmetric=False)
    outcome = found.failure("uncontrolled")
    assert outcome.status == "not_converged"
    assert np.isnan(outcome.beta_f)
    assert "raise iterations" in outcome.message


def test_limit_counts_what_is_spent() -> None:
    assert Start("a", np.zeros(1)).limit(50) == 50
    assert Start("a", np.zeros(1), budget=10).limit(50) == 10
    assert Start("a", np.zeros(1), spent=10).limit(50) == 40


def test_along_betas_goes_outward_and_answers_in_order() -> None:
    visited: list[float] = []

    def step(beta: float, state: int | None) -> tuple[Outcome, int | None]:
        visited.append(beta)
        return Outcome(beta_f=beta, kind="exact", stats={"state": state}), len(visited)

    outcomes = along_betas(np.array([0.5, 0.0, 0.2]), step)
    assert visited == [0.0, 0.2, 0.5]
    assert [o.beta_f for o in outcomes] == [0.5, 0.0, 0.2]
    assert [o.stats["state"] for o in outcomes] == [2, None, 1]


def test_stats_list_the_other_solutions() -> None:
    a, b = solution(-2.0, [0.5]), solution(-1.0, [0.0])
    stats = Search([a, b], []).stats(b)
    assert stats["other_solutions"] == [-2.0]
    assert stats["overlap"] == 0.0


def test_threads_of_the_products_change_no_bit():
    """Long vectors: BLAS would cut them among its threads."""
    rng = np.random.default_rng(5)
    history = [_Step(rng.normal(size=30_001), rng.normal(size=30_001)) for _ in range(4)]
    with one_thread():
        alone = extrapolated(history)
    assert np.array_equal(alone, extrapolated(history))
