"""`exact`: the cheapest exact method that takes the model, or one line that says why there is none."""

from __future__ import annotations

import numpy as np
import pytest

from statfe.errors import NotApplicableError
from statfe.methods.exact import auto
from statfe.models.catalogue import build_model
from statfe.models.ising import IsingModel
from statfe.registry import get_method, methods, run_method
from tests.exact_zoo import ZOO, exact_methods, random_forest, zoo_model

CHOICES = {
    "ising:shape=64x64": "kaufman",
    "ising:shape=64x10,boundary=open": "transfer-matrix",
    "ising:shape=1000,boundary=open": "tree",
    "ea:shape=100,couplings=gaussian": "transfer-matrix",
    "curie-weiss:n=500": "curie-weiss",
    "rbm:visible=200,hidden=12": "bipartite",
    "sk:n=18": "enumeration",
    "ea:shape=10x10,couplings=gaussian,field=0.1": "transfer-matrix",
    "ea:shape=24x24,couplings=gaussian": "torus",
    "ea:shape=30x30,boundary=open": "planar",
}


@pytest.mark.parametrize("spec", CHOICES)
def test_choice(spec: str) -> None:
    result = run_method(build_model(spec), np.array([0.4, 0.5]), "exact")
    assert [r.stats["exact_method"] for r in result] == [CHOICES[spec]] * 2
    assert result[0].message.startswith(f"by {CHOICES[spec]}")
    assert result[0].method == "exact"
    assert result[0].kind == "exact"


@pytest.mark.parametrize("name", ZOO)
def test_choice_is_the_cheapest_that_applies(name: str) -> None:
    model = zoo_model(name)
    able = {m: method.cost(model, 3) for m, method in exact_methods().items()
            if m != "exact" and not method.obstacle(model)}
    chosen = run_method(model, np.array([0.1, 0.2, 0.3]), "exact")[0].stats["exact_method"]
    assert able[chosen] == min(able.values())
    assert auto.cost(model, 3) == able[chosen]


def test_a_strip_that_pfaffians_do_faster_goes_to_them() -> None:
    assert auto.candidates(build_model("ea:shape=60x10,seed=1"), 4)[0][1].name == "torus"
    assert auto.candidates(build_model("ea:shape=60x7,seed=1"), 4)[0][1].name == "transfer-matrix"


def test_stats_of_the_method_are_kept() -> None:
    assert run_method(build_model("sk:n=18"), np.array([0.4]), "exact")[0].stats["states"] == 2**17


def test_none_applies_gives_one_line_that_names_mbar() -> None:
    model = build_model("ea:shape=8x8x8")
    with pytest.raises(NotApplicableError) as error:
        run_method(model, np.array([0.4]), "exact")
    text = str(error.value)
    assert "use mbar" in text
    assert "\n" not in text
    for name in exact_methods():
        assert name in text
    assert "mbar" in methods()


def test_every_refusal_names_a_method_that_exists() -> None:
    model = build_model("ea:shape=8x8x8")
    for name in exact_methods():
        reason = get_method(name).obstacle(model)
        assert any(f"{other}" in reason.partition("use ")[2] for other in methods()), reason


def test_next_method_where_the_cheapest_cannot_take_the_betas() -> None:
    # An odd ferromagnetic torus is frustrated at negative beta: kaufman must pass.
    model = build_model("ising:shape=15x9")
    assert run_method(model, np.array([0.4]), "exact")[0].stats["exact_method"] == "kaufman"
    both = run_method(model, np.array([0.4, -0.4]), "exact")
    assert {r.stats["exact_method"] for r in both} == {"torus"}
    assert both[0].beta_f == pytest.approx(run_method(model, np.array([0.4]), "kaufman")[0].beta_f, rel=1e-13)


def test_no_method_takes_the_betas(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build_model("ising:shape=101x101")
    only = {name: "not today; use mbar" if name == "torus" else reason for name, reason in auto._reasons(model).items()}
    monkeypatch.setattr(auto, "_reasons", lambda _: only)
    with pytest.raises(NotApplicableError, match=r"use mbar.*negative beta"):
        run_method(model, np.array([-0.4]), "exact")


def test_too_dear_is_refused_before_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build_model("sk:n=20")
    monkeypatch.setattr(auto, "MAX_COST", 1e5)
    with pytest.raises(NotApplicableError, match=r"enumeration, needs about 3e\+05 operations; use mbar"):
        run_method(model, np.array([0.4]), "exact")
    monkeypatch.setattr(auto, "MAX_COST", 1e8)
    with pytest.raises(NotApplicableError, match="fewer betas"):
        run_method(model, np.linspace(0, 1, 1000), "exact")


def test_offset_is_put_back_once() -> None:
    plain = random_forest(6, 1, fields=True)
    lifted = IsingModel.from_edges(6, plain.rows, plain.cols, plain.couplings, plain.fields, offset=-2.5)
    betas = np.array([0.0, 0.4, 2.0])
    for name, method in exact_methods().items():
        if not method.obstacle(plain):
            low, high = ([r.beta_f for r in run_method(m, betas, name)] for m in (plain, lifted))
            assert high == pytest.approx(low - 2.5 * betas, rel=1e-14)


def test_registry_entries_are_whole() -> None:
    for method in exact_methods().values():
        assert method.kinds == ("exact",)
        assert method.negative_beta
        assert method.reference
        assert method.summary
