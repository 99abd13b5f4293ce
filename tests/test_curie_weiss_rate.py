"""Mean field of the Curie-Weiss model becomes exact a site, at the rate that theory says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.curie_weiss_rate import errors, expected, exponent

SIZES = [16, 32, 64, 128, 256]
BETAS = np.array([0.5, 1.0, 1.5])


@pytest.fixture(scope="module")
def measured() -> np.ndarray:
    return errors(SIZES, BETAS)


def test_it_is_an_upper_bound_whose_error_a_site_falls_as_one_over_n(measured):
    assert np.all(measured > 0.0)
    per_site = measured / np.array(SIZES)[:, None]
    first, last = (np.array([exponent(SIZES[some], per_site[some, k]) for k in range(3)])
                   for some in (slice(0, 2), slice(-2, None)))
    assert last[[0, 2]] == pytest.approx(-1.0, abs=0.02)
    assert np.all(np.abs(last[[0, 2]] + 1.0) < 0.3 * np.abs(first[[0, 2]] + 1.0))
    # at the transition ln(n)/n: slower
    assert -0.9 < last[1] < -0.7


def test_at_the_transition_the_total_error_grows_as_a_quarter_of_ln_n(measured):
    slope = np.diff(measured[:, 1]) / math.log(2.0)
    assert slope[-1] == pytest.approx(0.25, abs=0.01)
    assert abs(slope[-1] - 0.25) < abs(slope[0] - 0.25)


@pytest.mark.parametrize(("k", "power"), [(0, -1.0), (1, -0.5), (2, -1.0)])
def test_the_total_error_is_that_of_the_fluctuations(measured, k, power):
    theory = np.array([expected(n, BETAS[k]) for n in SIZES])
    assert measured[-1, k] == pytest.approx(theory[-1], rel=0.03)
    # what is left falls as the next order does
    assert exponent(SIZES[-2:], np.abs(measured[-2:, k] - theory[-2:])) == pytest.approx(power, abs=0.15)
