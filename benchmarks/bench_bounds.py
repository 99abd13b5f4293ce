"""Bounds: no upper bound below the sum over all states, no lower bound above it, on many random models of N <= 14.

Grids, tori, random and complete graphs, SK, trees; ferromagnets, antiferromagnets, mixed and Gaussian couplings, with
and without fields, zero couplings, isolated sites; beta from 0 to 3. Each model goes to every method that gives bounds;
those that train networks go to one of 200, variants that are bounds in trivial cases only to one of 20.
`STATFE_BENCH_MODELS` says how many models (10,000, which take some 10 minutes), `STATFE_BENCH_FIRST` the first seed.
"""

from __future__ import annotations

import os

from tests.bounds import bounding_specs, lines, tabulate
from tests.random_models import random_case

MODELS = int(os.environ.get("STATFE_BENCH_MODELS", "10000"))
FIRST = int(os.environ.get("STATFE_BENCH_FIRST", "0"))


def test_bounds_hold(figure, capsys):
    cases = (random_case(seed) for seed in range(FIRST, FIRST + MODELS))

    def tell(done: int) -> None:
        if done % 1000 == 0:
            with capsys.disabled():
                print(f"{done} models", flush=True)

    table = tabulate(cases, bounding_specs(), tell)
    with capsys.disabled():
        print("", *lines(table), sep="\n")
    results = sum(t.results for t in table.tallies.values())
    what = f"{results} bounds on {table.models} random models: violations beyond 1e-10"
    figure(what, "0", str(len(table.violations)))
    assert table.violations == []
    assert results >= table.models
