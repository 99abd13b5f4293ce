"""How tight: bounds from products, blocks and trees, and the Bethe free energy, beside the truth.

On the 2D Ising model, the 2D glass, SK, a random graph and a 3D glass; a site, in nats. The truth is exact where it can
be had, else the error is left out. Upper bounds fall below no exact value, and TRW lies below it.
"""

from __future__ import annotations

import numpy as np
import pytest

import statfe
from statfe.registry import run_method
from statfe.result import FreeEnergy

#: Columns: header, spec.
COLUMNS = (
    ("product", "gibbs-bogoliubov"), ("tree", "gibbs-bogoliubov:trial=tree"),
    ("blocks of 12", "gibbs-bogoliubov:trial=blocks"), ("blocks of 32", "gibbs-bogoliubov:trial=blocks,block=32"),
    ("bethe", "bethe"), ("trw", "trw"))
#: Model, its exact method, the betas, and the columns that it is too wide for.
ROWS = (
    ("ising:shape=12x12", "exact", (0.2, 0.35, 0.44, 0.6), ()),
    ("ea:shape=12x12,seed=1", "exact", (0.3, 0.7, 1.2, 2.0), ()),
    ("ea:shape=12x12,boundary=open,couplings=gaussian,field=0.2,seed=1", "exact", (0.3, 0.7, 1.2, 2.0), ()),
    ("random-regular:n=60,degree=3,couplings=gaussian,seed=1", "exact", (0.3, 0.7, 1.2, 2.0), ()),
    ("sk:n=20,seed=1", "enumeration", (0.3, 0.7, 1.2, 2.0), ("blocks of 32",)),
    ("sk:n=200,seed=1", "", (0.3, 0.7, 1.2), ("blocks of 32",)),
    ("ea:shape=6x6x6,seed=1", "", (0.3, 0.7, 1.2), ()))


@pytest.mark.parametrize(("spec", "exact", "betas", "left_out"), ROWS, ids=[row[0] for row in ROWS])
def test_tightness(spec, exact, betas, left_out, figure, capsys):
    model = statfe.model(spec)
    truth = run_method(model, np.array(betas), exact) if exact and not _refused(model, exact) else None
    found = {name: run_method(model, np.array(betas), method, seed=1)
             for name, method in COLUMNS if name not in left_out and not _refused(model, method)}
    with capsys.disabled():
        print(f"\n{spec}: {'(beta_f - exact) / N' if truth else 'beta_f / N'}, seconds a beta below")
        print(f"{'beta':>6s}" + "".join(f"{name:>14s}" for name in found))
        for k, beta in enumerate(betas):
            print(f"{beta:6.2f}" + "".join(f"{_shown(r[k], truth and truth[k]):>14s}" for r in found.values()))
        print(" " * 6 + "".join(f"{np.mean([x.seconds for x in r]):14.2f}" for r in found.values()))
    wrong = 0
    for k in range(len(betas)):
        for r in found.values():
            wrong += truth is not None and r[k].kind == "upper_bound" and r[k].beta_f < truth[k].beta_f - 1e-10
            wrong += truth is not None and r[k].kind == "lower_bound" and r[k].beta_f > truth[k].beta_f + 1e-10
        for name in found:
            if name.startswith(("tree", "blocks")):
                wrong += found[name][k].beta_f > found["product"][k].beta_f + 1e-10
    figure(f"{spec}: bounds on the wrong side, or above their product", "0", str(wrong))
    assert wrong == 0


def _refused(model: statfe.IsingModel, spec: str) -> str:
    return statfe.registry.get_method(spec.split(":")[0]).obstacle(model)


def _shown(result: FreeEnergy, truth: FreeEnergy | None) -> str:
    if np.isnan(result.beta_f):
        return "-"
    return f"{(result.beta_f - (truth.beta_f if truth else 0.0)) / result.n_sites:.5f}"
