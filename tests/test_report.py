"""The report: a page that stands alone, and one set of numbers in four files."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from statfe import api
from statfe.errors import StoreError, UsageError
from statfe.report import REPORT_FILES, write_report
from statfe.report import compare as comparing
from statfe.report.html import html_page
from statfe.report.rows import COLUMNS
from statfe.report.words import KIND_MEANING, VERDICT_MEANING
from statfe.report.write import TRUST_FILE
from statfe.scoring.comparison import Comparison
from statfe.scoring.scores_file import read_comparisons
from tests.comparisons_for_tests import comparison

VOID = {"meta", "br", "hr", "img", "link", "input"}
HOSTILE = "file:<script>alert('x')</script>&amp;\"--><b>$x^{$ \x1b[31m\udc80.txt"


class Page(HTMLParser):
    """Reads a page, and asserts that its elements nest."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.tables: list[list[list[dict[str, str]]]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), f"{tag} has an attribute twice"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append({"text": "", "value": ""})
        elif tag == "data":
            self.tables[-1][-1][-1]["value"] = dict(attrs)["value"] or ""

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
        if "td" in self.open or "th" in self.open:
            self.tables[-1][-1][-1]["text"] += data

    def handle_comment(self, data):
        raise AssertionError(f"the page has a comment: {data}")

    @property
    def words(self) -> str:
        return " ".join("".join(self.text).split())

    def headings(self, level: str) -> int:
        return sum(tag == level for tag, _ in self.tags)


def report(folder: Path, *comparisons: Comparison, force: bool = False) -> tuple[dict[str, Path], Page]:
    files = write_report(comparisons, folder, force)
    return files, Page(files["report.html"].read_text("utf-8"))


def without_figures(*comparisons: Comparison) -> Page:
    return Page(html_page(comparisons, [[] for _ in comparisons]).decode("utf-8"))


def with_moments(c: Comparison) -> Comparison:
    """Scores with errors of the moments; those of the first method lie below the noise."""
    return dataclasses.replace(c, moments="exact, of a test", scores=[dataclasses.replace(
        s, correlation_rms=1e-4 * (k + 1), correlation_noise=1e-3, magnetization_rms=0.1 * k, magnetization_noise=0.0)
        for k, s in enumerate(c.scores)])


CASES = {
    "plain": lambda: [comparison()],
    "one by one": lambda: [comparison(1, 1)],
    "exact reference": lambda: [comparison(3, 3, reference_error=0.0, secondary=())],
    "many": lambda: [comparison(20, 30)],
    "no method": lambda: [comparison(0, 3)],
    "all failed": lambda: [comparison(2, 1, failing=("method-0", "method-1"))],
    "reference failed": lambda: [comparison(2, 3, bad_reference_from=0.0)],
    "reference failed in part": lambda: [comparison(2, 3, bad_reference_from=1.0)],
    "hostile": lambda: [comparison(
        2, 2, model=HOSTILE, title=HOSTILE, command=HOSTILE, names=(HOSTILE, "b"), skipped=[(HOSTILE, HOSTILE)],
        facts={HOSTILE: HOSTILE}, sampler=HOSTILE)],
    "nothing known": lambda: [comparison(
        1, 2, command="", seed=None, facts={}, sampler="", skipped=(), versions={}, source_commit="", ising=None)],
    "moments": lambda: [with_moments(comparison(3, 4))],
    "study": lambda: [comparison(2, 2, model=f"sk:n=100,seed={k}", title="Glasses") for k in (1, 2)],
}


@pytest.fixture(scope="module", params=CASES)
def made(request, tmp_path_factory):
    """(case, comparisons, files, page) of every case, drawn once."""
    comparisons = CASES[request.param]()
    folder = tmp_path_factory.mktemp("report") / "out"
    files, page = report(folder, *comparisons)
    return request.param, comparisons, files, page


def test_the_page_is_well_formed_and_stands_alone(made):
    _, comparisons, files, page = made
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")], tag
        for name, value in attributes.items():
            if name in ("href", "xlink:href", "src"):
                files_of_it = (*REPORT_FILES, *([TRUST_FILE] if len(comparisons) > 1 else []))
                assert value in files_of_it or (value or "").startswith("#"), (tag, value)
    source = files["report.html"].read_text("utf-8")
    assert source.startswith("<!DOCTYPE html>\n")
    outside = re.sub(r'xmlns(:xlink)?="http://www\.w3\.org/[^"]*"', "", source)
    assert "http" not in outside
    assert "@import" not in source
    assert "url(" not in re.sub(r"url\(#", "", source)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f]", source)
    assert page.headings("h1") == 1
    assert page.headings("h2") >= len(comparisons) + 1


def test_identifiers_are_unique_and_references_meet_them(made):
    _, _, _, page = made
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert [i for i, n in Counter(ids).items() if n > 1] == []
    for tag, attributes in page.tags:
        for name in ("href", "xlink:href", "aria-labelledby"):
            target = attributes.get(name)
            if target and (target.startswith("#") or name == "aria-labelledby"):
                assert target.lstrip("#") in ids, (tag, target)
        for value in attributes.values():
            for target in re.findall(r"url\(#([^)]*)\)", value or ""):
                assert target in ids


def test_figures_are_valid_xml_and_labelled(made):
    case, comparisons, files, _page = made
    drawn = [name for name in files if name.endswith(".svg")]
    assert len(drawn) >= 2 * len(comparisons)
    for name in drawn:
        root = ElementTree.fromstring(files[name].read_bytes())
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert not root.findall(".//{http://www.w3.org/2000/svg}style")
    inside = re.findall(r"<svg .*?</svg>", files["report.html"].read_text("utf-8"), flags=re.DOTALL)
    assert len(inside) == (0 if case == "no method" else len(drawn))
    for svg in inside:
        root = ElementTree.fromstring(svg)
        assert root.attrib["role"] == "img"
        assert root.attrib["aria-label"]


def test_files_are_those_of_the_contract(made):
    _, _, files, _ = made
    assert list(files)[:4] == list(REPORT_FILES) == ["report.html", "scores.csv", "scores.json", "scores.h5"]
    folder = files["report.html"].parent
    assert sorted(p.name for p in folder.iterdir()) == sorted(files)


def strict(text: str):
    def refuse(name: str):
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_one_set_of_numbers_in_four_files(made):
    case, _, files, page = made
    content = strict(files["scores.json"].read_text("utf-8"))
    rows = content["rows"]
    stored = [s.to_dict() for c in read_comparisons(files["scores.h5"]) for s in c.scores]
    assert rows == stored
    table = list(csv.DictReader(io.StringIO(files["scores.csv"].read_bytes().decode("utf-8"))))
    assert [list(row) for row in table[:1]] == [list(COLUMNS)] * len(table[:1])
    assert len(table) == len(rows)
    for line, row in zip(table, rows, strict=True):
        assert {name: cell(row[name]) for name in COLUMNS} == line
    shown_rows = [r for t in page.tables for r in t[1:] if t[0][-1]["text"] == "verdict"]
    assert len(shown_rows) == len(rows)
    columns = ("beta", "beta_f", "reference_beta_f", "error", "error_per_site", "sigmas")
    for cells, row in zip(shown_rows, rows, strict=True):
        values = [c["value"] for c in cells]
        for name, text in zip(columns, [values[1], *values[3:8]], strict=True):
            assert (float(text) if text else None) == row[name], (case, name)
            if not text:
                assert "–" in cells[3 + columns.index(name) - 1]["text"]
        assert cells[8]["text"].startswith(row["verdict"])


def cell(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_json_says_what_else_there_is(made):
    _, comparisons, files, _ = made
    content = strict(files["scores.json"].read_text("utf-8"))
    assert (content["statfe_format"], content["seed"]) == ("statfe-1", comparisons[0].seed)
    for c, found in zip(comparisons, content["comparisons"], strict=True):
        assert len(found["reference"]) == len(c.reference)
        assert sorted(m["method"] for m in found["ranking"]) == sorted(shown_in_file(m) for m in c.methods)
        assert [s["reason"] for s in found["skipped"]] == [shown_in_file(r) for _, r in c.skipped]


def shown_in_file(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def test_made_again_from_the_scores_it_is_the_same_bytes(made, tmp_path):
    _, _, files, _ = made
    again = api.report(files["scores.h5"], tmp_path / "again")
    assert list(again) == list(files)
    for name, path in again.items():
        assert path.read_bytes() == files[name].read_bytes(), name


def test_made_again_in_place_needs_force(tmp_path):
    files, _ = report(tmp_path / "out", comparison(1, 2))
    before = {name: path.read_bytes() for name, path in files.items()}
    with pytest.raises(StoreError, match=r"report\.html exists; use --force"):
        api.report(files["scores.h5"], tmp_path / "out")
    api.report(str(files["scores.h5"]), str(tmp_path / "out"), force=True)
    assert {name: path.read_bytes() for name, path in files.items()} == before


# ---- what the page says ----

def test_what_a_report_says():
    page = without_figures(comparison())
    words = page.words
    for text in (
        "Free energies of sk:n=100,seed=1", "seed 7", "statfe compare 'a b' --beta 0:1.5:5 -o out/",
        "mbar (estimate), sampled by metropolis.",
        "Its standard error is at most 0.015 nats, that is 0.00015 a site at β = 1.5",
        "Second estimate: thermodynamic-integration. It agrees", "bethe: needs a sparse graph; use tap",
        "5 values, 0 to 1.5", "spins100", "fieldsno", "raise damping or iterations", "numpy"):
        assert text in words.replace("\xa0", " "), text
    for meaning in (*KIND_MEANING.values(), *VERDICT_MEANING.values()):
        assert meaning in words
    (ranking,) = [t for t in page.tables if t[0][0]["text"] == "#"]
    assert [cell["text"] for cell in ranking[0]] == [
        "#", "method", "kind", "median", "best", "worst", "verdicts", "time", "front"]
    assert [row[1]["text"].strip() for row in ranking[1:]] == ["method-0", "method-1", "method-2", "method-3"]
    assert [" ".join(row[6]["text"].split()) for row in ranking[1:3]] == [
        "within error 1 reference too weak to judge 4", "within error 1 reference too weak to judge 2 no result 2"]
    assert float(ranking[1][5]["value"]) == pytest.approx(1e-5 * 1.5**4)


def test_moments_stand_beside_the_errors():
    (case,) = CASES["moments"]()
    page = without_figures(case)
    (ranking,) = [t for t in page.tables if t[0][0]["text"] == "#"]
    assert [cell["text"] for cell in ranking[0]][6:8] == ["⟨ss⟩ rms", "⟨s⟩ rms"]
    first = next(row for row in ranking if row[1]["text"].strip() == "method-0")
    assert (first[6]["text"], float(first[6]["value"])) == ("< 0.001", pytest.approx(2.5e-4))
    assert first[7]["text"] == "0.15"
    assert "the true ones are exact, of a test" in page.words
    assert "⟨ss⟩" not in without_figures(comparison()).words


def test_the_bracket_says_where_the_reference_is():
    page = without_figures(comparison())
    (table,) = [t for t in page.tables if t[0][-1]["text"] == "reference"]
    assert len(table) == 6
    assert {row[4]["text"] for row in table[1:]} == {"method-0"}
    assert {row[2]["text"] for row in table[1:]} == {"none"}
    assert {row[6]["text"] for row in table[1:]} == {"inside"}
    c = comparison()
    high = dataclasses.replace(c, reference=[dataclasses.replace(r, beta_f=r.beta_f + 9.0) for r in c.reference])
    (table,) = [t for t in without_figures(high).tables if t[0][-1]["text"] == "reference"]
    assert {row[6]["text"] for row in table[1:]} == {"outside"}


def test_warnings_for_a_bad_reference():
    page = without_figures(comparison(2, 5, bad_reference_from=1.0))
    assert "The reference has not converged at 2 of 5 β" in page.words
    assert "β = 1.125, 1.5: replicas disagree; raise sweeps and burn_in" in page.words
    c = comparison(1, 2)
    apart = dataclasses.replace(
        c, secondary=[dataclasses.replace(r, beta_f=r.beta_f + 5.5 * r.beta_f_error) for r in c.secondary])
    assert "It disagrees: 0.09 nats or 4.2 sigma at β = 1.5." in without_figures(apart).words.replace("\xa0", " ")


def test_a_study_has_contents_that_lead_to_every_model():
    page = without_figures(*CASES["study"]())
    targets = [a["href"] for tag, a in page.tags if tag == "a" and (a["href"] or "").startswith("#")]
    assert targets == ["#trust", "#model-1", "#model-2", "#reading"]
    assert page.words.count("Contents") == 1
    assert "Contents" not in without_figures(comparison(1, 2)).words


def test_long_tables_are_folded_and_short_ones_open():
    for n_betas, state in ((2, True), (30, False)):
        page = without_figures(comparison(3, n_betas))
        # The bracket, the reference values, the best and all scores.
        assert [("open" in a) for tag, a in page.tags if tag == "details"] == [state] * 4


def test_hostile_names_are_text(tmp_path):
    files, page = report(tmp_path, *CASES["hostile"]())
    readable = HOSTILE.replace("\x1b", "\\u001b").replace("\udc80", "\\udc80")
    assert page.words.count(" ".join(readable.split())) >= 8
    assert "<script" not in files["report.html"].read_text("utf-8")
    assert strict(files["scores.json"].read_text())["rows"][0]["model"] == HOSTILE.replace("\udc80", "\\udc80")


# ---- refusals ----

@pytest.mark.parametrize("library", ["matplotlib", "jinja2"])
def test_missing_libraries_are_said_before_any_work(tmp_path, monkeypatch, library):
    files, _ = report(tmp_path / "out", comparison(1, 2))
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setattr(comparing, "build_model", lambda spec: pytest.fail("work was done"))
    monkeypatch.setattr(comparing, "read_comparisons", lambda path: pytest.fail("work was done"))
    for attempt in (
        lambda: write_report([comparison(1, 2)], tmp_path / "new"),
        lambda: api.compare("ising:shape=3x3", 0.4, output=tmp_path / "new"),
        lambda: api.report(files["scores.h5"], tmp_path / "new")):
        with pytest.raises(UsageError, match=r"install statfe\[report\]"):
            attempt()
    assert not (tmp_path / "new").exists()


def test_nothing_to_report(tmp_path):
    with pytest.raises(UsageError, match="nothing to report"):
        write_report([], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_output_that_exists_is_refused_whole(tmp_path):
    (tmp_path / "error-per-site.svg").write_text("mine")
    with pytest.raises(StoreError, match=r"error-per-site\.svg exists"):
        write_report([comparison(1, 2)], tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["error-per-site.svg"]


def test_a_failure_while_writing_leaves_nothing(tmp_path, monkeypatch):
    real = Path.write_bytes

    def full(self, data):
        if "scores.json" in self.name:
            raise OSError(28, "No space left on device")
        return real(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StoreError, match=r"cannot write .*scores\.json: No space left"):
        write_report([comparison(1, 2)], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_report_of_what_is_no_scores_file(tmp_path):
    with pytest.raises(StoreError, match="No such file"):
        api.report(tmp_path / "none.h5", tmp_path / "out")
    assert not (tmp_path / "out").exists()
