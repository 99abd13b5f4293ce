"""The figures' settings and styles, and numbers as a report writes them."""

from __future__ import annotations

import math

import pytest

from statfe.report.figures import draw_all
from statfe.report.styles import MOST_LINES, pages, styles
from statfe.report.words import KIND_MEANING, VERDICT_CLASS, VERDICT_MEANING, duration, fact, number, shown, with_error
from statfe.result import KINDS
from statfe.scoring.verdict import VERDICTS
from tests.comparisons_for_tests import comparison


def test_figures_do_not_touch_or_heed_the_users_settings():
    matplotlib = pytest.importorskip("matplotlib")
    plain = [d.svg for d in draw_all(comparison(2, 3))]
    with matplotlib.rc_context():
        matplotlib.rcParams["lines.linewidth"] = 9.0
        assert [d.svg for d in draw_all(comparison(2, 3))] == plain
        assert matplotlib.rcParams["lines.linewidth"] == 9.0


def test_every_method_looks_different_on_its_page():
    names = ["tap", *[f"cumulants:order={k}" for k in range(1, 6)], *[f"gibbs:trial={t}" for t in "abcdefgh"],
             *[f"m{k}" for k in range(9)]]
    chosen, found = styles(names), pages(names)
    assert [m for page in found for m in page] == names
    for page in found:
        assert len(page) <= MOST_LINES
        assert len({(chosen[m].colour, str(chosen[m].line), chosen[m].marker) for m in page}) == len(page)
    assert len({chosen[f"cumulants:order={k}"].colour for k in range(1, 6)}) == 1
    assert pages([]) == []


def test_words_cover_every_kind_and_verdict():
    assert set(KIND_MEANING) == set(KINDS)
    assert set(VERDICT_MEANING) == set(VERDICT_CLASS) == set(VERDICTS)


@pytest.mark.parametrize(("value", "text"), [
    (0.0, "0"), (0.012345, "0.0123"), (-1.5, "−1.5"), (-1.234e-5, "−1.23×10⁻⁵"),
    (1.5e10, "1.5×10¹⁰"), (1e-10, "1×10⁻¹⁰"), (math.nan, "–"), (math.inf, "inf")])
def test_numbers(value, text):
    assert number(value) == text


@pytest.mark.parametrize(("value", "error", "text"), [
    (-1.23456, 0.0012, "−1.2346(12)"), (-1.23456, 0.0996, "−1.23(10)"), (-1.23456, 0.0, "−1.23456"),
    (12345.6, 120.0, "12350(120)"), (12345.6, 12.0, "12346(12)"), (1.0, 1e-14, "1(1.0e−14)"), (math.nan, math.nan, "–"),
    (5.0, math.nan, "5")])
def test_numbers_with_errors(value, error, text):
    assert with_error(value, error) == text


def test_other_words():
    assert [duration(s) for s in (2e-6, 0.0125, 3.456, 600, 36000)] == ["2 µs", "12.5 ms", "3.46 s", "10 min", "10 h"]
    assert [fact(v) for v in (True, 12345, 0.5, [1, 2], "a", None)] == ["yes", "12,345", "0.5", "1, 2", "a", "–"]
    assert shown("a\x00b\tc\ud800") == "a\\u0000b\tc\\ud800"
