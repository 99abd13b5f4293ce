"""Belief propagation: nanoseconds a message, a million spins, and hard grids where it needs its double loop."""

from __future__ import annotations

import statistics
import time

import numpy as np

import statfe
from statfe.propagation.belief_propagation import SCHEDULES, Graph, Propagation
from statfe.registry import run_method
from tests.naive import ising as naive
from tests.test_belief_propagation import hard_grid

GLASS = "random-regular:n=1000000,degree=3,seed=1"
FERROMAGNET = "random-regular:n=1000000,degree=3,couplings=ferro,seed=1"


def nanoseconds(p: Propagation, rounds: int = 5) -> float:
    """Median nanoseconds (of this thread alone) of a message, with the copies in and out of a sweep."""
    messages = p.sent(np.random.default_rng(1).normal(size=len(p.strengths)))
    passes = 2 if p.schedule == "sequential" else 1
    messages, times = p.swept(messages), []
    for _ in range(rounds):
        start = time.thread_time()
        messages = p.swept(messages)
        times.append((time.thread_time() - start) / (passes * len(messages)) * 1e9)
    return statistics.median(times)


def test_speed_of_messages(figure):
    for spec in ("random-regular:n=100000,degree=3,seed=1", "ea:shape=64x64,seed=1", "sk:n=100,seed=1"):
        graph = Graph.of(statfe.model(spec))
        for schedule in SCHEDULES:
            p = Propagation(graph, 0.5, schedule)
            own = nanoseconds(p)
            p.fractions = False
            figure(f"{spec}, {schedule}: ns a message", "-", f"{own:.1f} ({nanoseconds(p):.1f} in logarithms)")


def test_a_million_spins(figure):
    """A hundred times all messages of 10^6 spins of degree 3 in 5 s, on one core."""
    start = time.thread_time()
    graph = Graph.of(statfe.model(GLASS))
    prepared = time.thread_time() - start
    for schedule in ("sequential", "parallel"):
        p = Propagation(graph, 0.7, schedule)
        own = nanoseconds(p)
        seconds = 100 * own * 1e-9 * len(p.strengths)
        figure(f"BP, 10^6 spins of degree 3, {schedule}: 100 sweeps", "< 5 s", f"{seconds:.2f} s ({own:.1f} ns each)")
        assert seconds < 5.0
    figure("the model and its graph", "-", f"{prepared:.1f} s")


def test_the_method_on_a_million_spins(figure):
    """With damping, extrapolation and tests of convergence; then all of the method."""
    model = statfe.model(FERROMAGNET)
    p = Propagation(Graph.of(model), 0.5)
    (first,) = p.starts(1, 0)
    p.solve(first, iterations=2, tolerance=0.0)
    start = time.thread_time()
    p.solve(first, iterations=50, tolerance=0.0)
    seconds = time.thread_time() - start
    figure("bethe's iteration, 10^6 spins: 100 sweeps, there and back 50 times", "< 5 s", f"{seconds:.2f} s")
    start = time.thread_time()
    (result,) = run_method(model, np.array([0.6]), "bethe", seed=1)
    figure("bethe, 10^6 spins, beta = 0.6, all of it", "-",
           f"{time.thread_time() - start:.1f} s, {2 * result.stats['iterations']} sweeps, {result.per_site:.6f} a site")
    assert result.status == "converged"


def test_hard_grids(figure):
    """4 x 4, couplings uniform in +-1.5, fields in +-0.5, beta = 1."""
    oscillating, seconds, errors = 0, 0.0, []
    for seed in range(100):
        model, start = hard_grid(seed), time.thread_time()
        (result,) = run_method(model, np.array([1.0]), "bethe:double_loop=always", seed=1)
        seconds += time.thread_time() - start
        assert result.status == "converged"
        errors.append(abs(result.beta_f - naive.beta_f(model, 1.0)) / 16)
        if not result.stats["plain_converged"]:
            oscillating += 1
            if oscillating <= 5:
                figure(f"grid {seed}: plain BP / double loop", "-",
                       f"residual {result.stats['plain_residual']:.2f} after {result.stats['plain_iterations']} sweeps"
                       f" / {result.stats['iterations']} outer steps to {result.beta_f:.9f}")
    figure("100 hard grids: plain BP fails / double loop fails", "- / 0", f"{oscillating} / 0")
    figure("100 hard grids: ms each, median error a site", "-",
           f"{10 * seconds:.0f} ms, {statistics.median(errors):.3f}")


def test_trees_and_bounds(figure):
    """Trees to 1e-11; tree-reweighted bounds of large sparse graphs and a dense one."""
    for spec, beta in (("random-regular:n=20000,degree=3,seed=1", 0.7), ("ea:shape=100x100,seed=1", 0.7),
                       ("sk:n=200,seed=1", 0.5)):
        model = statfe.model(spec)
        (bethe,), start = run_method(model, np.array([beta]), "bethe", seed=1), time.thread_time()
        (trw,) = run_method(model, np.array([beta]), "trw", seed=1)
        figure(f"trw, {spec}, beta = {beta}", "-",
               f"{trw.per_site:.5f} a site in {time.thread_time() - start:.1f} s (bethe {bethe.per_site:.5f}), "
               f"{trw.stats['updates']} updates")
