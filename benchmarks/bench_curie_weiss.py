"""Mean field of the Curie-Weiss model: its error in total and a site for N = 16 to 4096, below, at and above beta = 1.

`STATFE_BENCH_SITES` sets the largest N: 4096 spins have 8.4 million pairs, which take half a GB and a minute.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from tests.curie_weiss_rate import errors, expected, exponent

LARGEST = int(os.environ.get("STATFE_BENCH_SITES", "4096"))
SIZES = [n for n in (16, 32, 64, 128, 256, 512, 1024, 2048, 4096) if n <= LARGEST]
BETAS = np.array([0.5, 1.0, 1.5])


def test_mean_field_becomes_exact(figure, capsys):
    found = errors(SIZES, BETAS)
    with capsys.disabled():
        print(f"\n{'N':>6s}" + "".join(f"{f'beta={b:g}: total':>18s}{'theory':>10s}{'a site':>11s}" for b in BETAS))
        for n, row in zip(SIZES, found, strict=True):
            print(f"{n:6d}" + "".join(
                f"{e:18.6f}{expected(n, b):10.6f}{e / n:11.3e}" for e, b in zip(row, BETAS, strict=True)))
    for k, (beta, asked) in enumerate(zip(BETAS, ("-1", "-1, times ln N", "-1"), strict=True)):
        slope = exponent(SIZES[-4:], found[-4:, k] / SIZES[-4:])
        what = f"Curie-Weiss, beta = {beta:g}: exponent of the error a site, N = {SIZES[-4]} to {SIZES[-1]}"
        figure(what, asked, f"{slope:.4f}")
        assert found[-1, k] == pytest.approx(expected(SIZES[-1], float(beta)), rel=0.03)
        assert k == 1 or slope == pytest.approx(-1.0, abs=0.02)
