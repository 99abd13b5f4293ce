"""The catalogue of dynamical systems: names, bad specs, the command that lists them; tricky laws compile."""

from __future__ import annotations

import json

import pytest

from statfe.errors import SpecError
from statfe.kernels.user_laws import compile_error
from statfe.systems.catalogue import build_system, families
from tests.test_systems import NAMES


def test_the_catalogue_is_that_of_the_papers():
    assert tuple(sorted(families())) == NAMES
    for family in families().values():
        assert family.summary
        assert family.reference
        assert all(o.doc for o in family.options)
        assert family.group in ("flow", "forced", "hamiltonian", "lattice", "delay", "map", "file")


@pytest.mark.parametrize("name", ["hopfield-network", "kuramoto-sivashinsky"])
def test_laws_with_loops_compile(name):
    assert compile_error(build_system(name).rhs) == ""


@pytest.mark.parametrize(("spec", "says"), [
    ("lorenz6", "lorenz63"), ("lorenz96:n=3", "at least 4"), ("lorenz63:ro=3", "rho"), ("logistic:r=5", "at most 4"),
    ("kuramoto:frequencies=gauss", "unknown value"), ("chua:alpha=nan", "finite"), ("", "empty"),
    ("mackey-glass:tau=0", "at least"), (__file__, "write file:")])
def test_bad_specs(spec, says):
    with pytest.raises(SpecError, match=says):
        build_system(spec)


def test_the_command(call):
    code, out, _ = call("attractors", "systems", "--json")
    assert code == 0
    assert {e["name"] for e in json.loads(out)} == set(NAMES)
    code, out, _ = call("attractors", "systems")
    assert code == 0
    assert "kuramoto-sivashinsky\n" in out
    assert "domain" in out
    code, out, _ = call("attractors", "systems", "lorenz63:rho=30", "--json")
    facts = json.loads(out)
    assert facts["parameters"]["rho"] == 30.0
    assert [k["quantity"] for k in facts["known"]] == ["sum_of_exponents"]
    assert "sigma (y - x)" in facts["law"]
    code, out, _ = call("attractors", "systems", "lorenz96")
    assert code == 0
    assert "(40 in all)" in out
    assert "27.1 +- 0.2" in out
    code, out, err = call("attractors", "systems", "lorentz63")
    assert (code, out) == (2, "")
    assert "lorenz63" in err
