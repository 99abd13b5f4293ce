"""What the bit lanes are laid out by: neighbour lists, bonds to count, thresholds, planes and counters."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import statfe
from statfe.kernels.bit_lanes import ROUNDS, V
from statfe.kernels.bit_measure import (
    LEVELS,
    ROWS,
    SHORT_LEVELS,
    count_bonds,
    count_up,
    lane_counts,
    pack,
    set_planes,
    unpack,
)
from statfe.kernels.tempering import GIBBS, METROPOLIS
from statfe.models.ising import IsingModel
from statfe.sampling.banks.bit_lane import KERNEL, BitLaneBank
from statfe.sampling.bit_graph import bit_graph, obstacle, unit_of
from statfe.sampling.bit_thresholds import codes_of, fixed_point, gibbs_rungs, thresholds_of
from statfe.sampling.samplers import rules_at
from statfe.sampling.starts import start
from tests.bank_checks import make_plan
from tests.models_for_tests import disconnected, frustrated_triangle, isolated, peaked
from tests.naive.bit_lane import binary_fraction, bits_of, code_of, words_of

MODELS = {
    "square": lambda: statfe.model("ising:shape=4x5"),
    "two axes of length 2": lambda: statfe.model("ising:shape=2x2x3,coupling=-0.7"),
    "open": lambda: statfe.model("ising:shape=3x4,boundary=open,field=1"),
    "antiferromagnet in a field": lambda: statfe.model("ising:shape=4x4,coupling=-0.3,field=-0.6"),
    "cube": lambda: statfe.model("ea:shape=3x3x4,p=0.7,seed=2"),
    "cube, open, field": lambda: statfe.model("ea:shape=2x3x3,boundary=open,seed=2,field=2"),
    "triangular": lambda: statfe.model("triangular:shape=3x4"),
    "triangular, field 2": lambda: statfe.model("triangular:shape=4x4,coupling=-1,field=2"),
    "four dimensions": lambda: statfe.model("ea:shape=3x3x3x3,seed=1"),
    "random-regular": lambda: statfe.model("random-regular:n=20,degree=7,couplings=bimodal,seed=1"),
    "erdos-renyi": lambda: statfe.model("erdos-renyi:n=30,mean_degree=2,couplings=bimodal,seed=1"),
    "parallel bonds": lambda: IsingModel.from_edges(
        5, [0, 0, 1, 1, 1, 2], [1, 1, 2, 2, 2, 3], [0.1, 0.1, 0.1, 0.1, 0.1, -0.1], [0.1, 0.0, -0.2, 0.7, 0.3]),
    "spins in fields": lambda: IsingModel.from_edges(4, [], [], [], [0.5, -1.0, 0.0, 4.0]),
    "free spins": lambda: IsingModel.from_edges(3, [], [], []),
    "curie-weiss": lambda: statfe.model("curie-weiss:n=9"),
}


def spins_with_ghosts(spins: np.ndarray) -> np.ndarray:
    """Rows of a word each from chains (+-1, shape (lanes, n)), with the two ghosts below."""
    lanes, n = spins.shape
    words = np.zeros((n + 1, V), dtype=np.uint64)
    words[:n, : lanes // 64] = words_of(spins.T > 0)
    words[n] = ~np.uint64(0)
    return words


def counters() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Long and short counters and carries, full of rubbish."""
    rng = np.random.default_rng(5)
    return tuple(rng.integers(0, 2**63, size).astype(np.uint64) for size in (LEVELS * V, SHORT_LEVELS * V, V))


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_neighbour_lists_give_the_local_fields(model):
    m = model()
    assert obstacle(m) == ""
    graph, rng = bit_graph(m), np.random.default_rng(1)
    s = np.append(rng.choice([-1, 1], m.n_sites), [1])
    assert len(graph.nbr) == len(graph.signs) - 1
    assert graph.signs[-1] == 0
    for i in range(m.n_sites):
        first, bonds = int(graph.first[i]), graph.odd if graph.is_odd[i] else graph.even
        assert bonds % 2 == graph.is_odd[i]
        assert (3 if graph.is_odd[i] else 4) <= bonds <= 8
        signs = np.where(graph.signs[first:first + bonds] != 0, 1, -1)
        assert np.all(np.isin(graph.signs[first:first + bonds], [0, 2**64 - 1]))
        local = graph.J * float(np.sum(signs * s[graph.nbr[first:first + bonds].astype(int)]))
        truth = m.fields[i] + sum(m.weights[k] * s[m.indices[k]] for k in range(m.indptr[i], m.indptr[i + 1]))
        assert local == pytest.approx(truth, abs=1e-12)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_satisfied_bonds_give_the_energy(model):
    m = model()
    graph, width = bit_graph(m), 3
    spins = np.random.default_rng(2).choice(np.array([-1, 1], dtype=np.int8), (64 * width, m.n_sites))
    long, short, carries = counters()
    counts = np.full(64 * width, 77)
    count_bonds((), width, spins_with_ghosts(spins), graph.signs[:, None], graph.sixes, long, short, carries)
    lane_counts(width, long, graph.terms, counts)
    assert np.allclose(-graph.J * (2 * counts - graph.terms), m.energy(spins) - m.offset, atol=1e-12)


def test_signs_of_its_own_in_every_lane():
    base = statfe.model("ea:shape=3x4,boundary=open,seed=1")
    rng, width = np.random.default_rng(3), 2
    spins = rng.choice(np.array([-1, 1], dtype=np.int8), (64 * width, 12))
    models = [IsingModel.from_edges(12, base.rows, base.cols, rng.choice([-1.0, 1.0], base.n_bonds))
              for _ in range(64 * width)]
    graph = bit_graph(models[0])
    assert all(bit_graph(m).same_graph(graph) for m in models)
    signs = np.zeros((len(graph.signs), V), dtype=np.uint64)
    signs[:, :width] = words_of(np.array([bit_graph(m).signs != 0 for m in models]).T)
    long, short, carries = counters()
    counts = np.empty(64 * width, dtype=np.int64)
    count_bonds((0,), width, spins_with_ghosts(spins), signs, graph.sixes, long, short, carries)
    lane_counts(width, long, graph.terms, counts)
    assert np.array_equal(graph.terms - 2 * counts, [m.energy(s) for m, s in zip(models, spins, strict=True)])


def test_another_graph_is_noticed():
    a, b = (statfe.model(f"random-regular:n=10,degree=3,couplings=bimodal,seed={k}") for k in (1, 2))
    assert not bit_graph(a).same_graph(bit_graph(b))
    scaled = IsingModel.from_edges(10, a.rows, a.cols, 2.0 * a.couplings)
    assert not bit_graph(a).same_graph(bit_graph(scaled))
    turned = IsingModel.from_edges(10, a.rows, a.cols, -a.couplings)
    assert bit_graph(a).same_graph(bit_graph(turned))


@pytest.mark.parametrize(("n", "width"), [(1, 1), (5, 3), (12, 32), (13, 1), (ROWS, 2), (ROWS + 1, 2), (9000, 5)])
def test_up_spins_are_counted(n, width):
    spins = np.random.default_rng(n).choice(np.array([-1, 1], dtype=np.int8), (64 * width, n), p=[0.2, 0.8])
    spins[3], spins[-1] = 1, -1
    long, short, carries = counters()
    counts = np.full(64 * width, -5)
    count_up(width, spins_with_ghosts(spins), n, long, short, carries)
    lane_counts(width, long, n, counts)
    assert np.array_equal(counts, (spins > 0).sum(axis=1))


@pytest.mark.parametrize("width", [1, 5, 31, 32])
def test_planes_are_the_codes_transposed(width):
    rng = np.random.default_rng(width)
    codes = rng.integers(0, 2**64, 37, dtype=np.uint64)
    rung_of = rng.integers(0, 37, 64 * V)
    planes = rng.integers(0, 2**64, 64 * V, dtype=np.uint64)
    before = planes.reshape(64, V)[:, width:].copy()
    set_planes(width, codes, rung_of, planes)
    seen = bits_of(planes.reshape(64, V)[:, :width])
    truth = [[int(codes[rung_of[lane]]) >> b & 1 for lane in range(64 * width)] for b in range(64)]
    assert np.array_equal(seen, truth)
    assert np.array_equal(planes.reshape(64, V)[:, width:], before)


@pytest.mark.parametrize(("chains", "n", "lane"), [(1, 1, 0), (1, 5, 63), (3, 7, 62), (70, 9, 1), (128, 3, 1920)])
def test_packing_is_undone_and_touches_no_other_lane(chains, n, lane):
    rng = np.random.default_rng(chains)
    spins = rng.choice(np.array([-1, 1], dtype=np.int8), (chains, n))
    words = rng.integers(0, 2**64, (n + 2, V), dtype=np.uint64)
    lanes = bits_of(words)
    lanes[:n, lane:lane + chains] = spins.T > 0
    pack(spins, lane, words)
    assert np.array_equal(bits_of(words), lanes)
    back = np.zeros_like(spins)
    unpack(words, lane, back)
    assert np.array_equal(back, spins)


def test_fixed_point_is_the_floor():
    p = np.array([0.0, 2.0**-64, 1.5 * 2.0**-64, 1e-300, 3e-7, 0.1, 0.5, 1.0 - 2.0**-53])
    assert [int(x) for x in fixed_point(p)] == [binary_fraction(Fraction(x)) for x in p]
    # A probability of one is the next below it: 2^-53 away.
    assert int(fixed_point(np.array([1.0]))[0]) == 2**64 - 2**11
    assert fixed_point(np.zeros((2, 3))).shape == (2, 3)


@pytest.mark.parametrize("rule", [METROPOLIS, GIBBS])
@pytest.mark.parametrize("J", [1.0, 0.3])
def test_thresholds_are_the_acceptance_probabilities(rule, J):
    model = statfe.model(f"ea:shape=3x3x3,seed=1,coupling={J}")
    betas = np.array([0.0, 0.1, 0.25, 0.7, 3.0, 1e6]) / J
    thresholds = thresholds_of(model, bit_graph(model), rule, betas)
    own = rules_at(rule, model, betas) == GIBBS
    assert own[0]
    assert not own[-1] or rule == GIBBS
    assert np.array_equal(gibbs_rungs(model, rule, betas), [own, np.ones(6, bool)])
    for turn in range(2):
        for kind, fields in enumerate(([2, 4, 6, 8], [1, 3, 5, 7])):
            for k, beta in enumerate(betas):
                cost = 2.0 * beta * J * np.array(fields)
                p = 1.0 / (1.0 + np.exp(np.minimum(cost, 700.0))) if turn or own[k] else np.exp(-cost)
                found = thresholds[turn, kind, k].astype(float) / 2.0**64
                assert np.allclose(found, np.where(cost > 100.0, 0.0, p), rtol=1e-12, atol=2.0**-63)
    codes = codes_of(thresholds, model, rule, betas)
    assert ROUNDS == 12
    for turn, kind, k in np.ndindex(codes.shape):
        assert int(codes[turn, kind, k]) == code_of(list(thresholds[turn, kind, k]), bool(turn or own[k]))


@pytest.mark.parametrize(("model", "words"), [
    (lambda: statfe.model("ea:shape=4x4,couplings=gaussian"), "not whole multiples"),
    (lambda: statfe.model("sk:n=8"), "not whole multiples"),
    (peaked, "not whole multiples"),
    (disconnected, "not whole multiples"),
    (isolated, "not whole multiples"),
    (lambda: statfe.model("ising:shape=4x4,field=0.5"), "9 bonds"),
    (lambda: IsingModel.from_edges(3, [0, 1], [1, 2], [1e-300, 1e300]), "not whole multiples"),
    (lambda: IsingModel.from_edges(3, [0, 1], [1, 2], [1.0, 1.0 + 1e-13]), "not whole multiples"),
    (lambda: statfe.model("curie-weiss:n=10"), "9 bonds"),
    (lambda: statfe.model("triangular:shape=4x4,field=3"), "9 bonds"),
    (lambda: statfe.model("ea:shape=3x3x3x3x3,seed=1"), "10 bonds"),
])
def test_what_cannot_be_held(model, words):
    assert words in obstacle(model())


def test_units():
    assert unit_of(frustrated_triangle()) == 1.0
    assert unit_of(MODELS["spins in fields"]()) == 0.5
    assert unit_of(statfe.model("ising:shape=2x2")) == 2.0
    assert bit_graph(statfe.model("ising:shape=2x2")).odd == 0


@pytest.mark.parametrize(("replicas", "chains"), [(1, 1), (1, 70), (3, 33), (70, 30), (4100, 1), (1, 2100), (3, 1100)])
def test_starts_lie_in_their_lanes_and_no_stream_twice(replicas, chains):
    model = statfe.model("ea:shape=3x3,seed=1")
    plan = make_plan(model, np.linspace(0.1, 1.0, chains), "bit-lane", "metropolis", replicas, 7)
    bank = BitLaneBank(model, plan)
    assert [r for group in bank.groups for r in group] == list(range(replicas))
    for r in {0, 1, replicas // 2, replicas - 1} & set(range(replicas)):
        assert np.array_equal(bank.spins(r), start(model, 7, r, chains))
    states = np.concatenate([s.reshape(-1, 4, V).transpose(0, 2, 1).reshape(-1, 4) for s in bank.states])
    assert len({tuple(s) for s in states.tolist()}) == len(states)
    assert sum(w.nbytes for w in bank.words) <= KERNEL.bytes(model, plan.load)
