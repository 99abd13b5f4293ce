"""Planted faults: a wrong sign or factor in a copy of the sources must turn its tests red."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

MATTIS = " ".join(f"test_cluster.py::test_every_balanced_model_has_its_boltzmann_law[mattis-{kind}]"
                  for kind in ("swendsen-wang", "wolff"))
#: (file, right, wrong, the tests that must notice).
FAULTS = {
    "metropolis: beta 2% high": (
        "statfe/kernels/single_spin.py", "math.exp(-beta * cost)", "math.exp(-1.02 * beta * cost)",
        "test_single_spin.py"),
    "metropolis: never uphill": (
        "statfe/kernels/single_spin.py", "u < math.exp(-beta * cost)", "u < -1.0", "test_single_spin.py"),
    "heat bath: a factor 2": (
        "statfe/kernels/single_spin.py", "math.exp(-2.0 * beta * local)", "math.exp(-beta * local)",
        "test_single_spin.py"),
    "exchange: wrong sign": (
        "statfe/kernels/tempering.py", "(betas[t] - betas[t + 1])", "(betas[t + 1] - betas[t])", "test_tempering.py"),
    "exchange: beta forgotten": (
        "statfe/kernels/tempering.py", "math.exp(log_ratio)", "1.0", "test_tempering.py"),
    "random numbers: a shift by one less": (
        "statfe/kernels/rng.py", "<< np.uint64(17)", "<< np.uint64(16)", "test_single_spin.py"),
    "MBAR: half of the energy in the weights": (
        "statfe/kernels/mbar.py", "p[k] = math.exp(log_n_f[k] - betas[k] * energy - top)",
        "p[k] = math.exp(log_n_f[k] - 0.99 * betas[k] * energy - top)", "test_mbar.py"),
    "MBAR: autocorrelation forgotten": (
        "statfe/stats.py", "np.sqrt(np.maximum(spread, 0.0) * 2.0 * tau / total)",
        "np.sqrt(np.maximum(spread, 0.0) / total)", "test_stats.py"),
    "integration: plain trapezoid, no error": (
        "statfe/estimators/thermodynamic_integration.py", "QUINTIC = (1 / 2, 1 / 10, 1 / 120, 0.0)",
        "QUINTIC = (1 / 2, 0.0, 0.0, 0.0)", "test_mbar.py"),
    "checks: disagreement is ignored": (
        "statfe/estimators/reference.py", "if abs(sigmas) > MAX_SIGMAS", "if abs(sigmas) < 0.0", "test_mbar.py"),
    "enumeration: a field with the wrong sign": (
        "statfe/kernels/enumeration.py", "energy -= spins[i] * (fields[i]", "energy -= spins[i] * (-fields[i]",
        "test_exact_agree.py"),
    "enumeration: Gray code without the flip of the neighbours": (
        "statfe/kernels/enumeration.py", "+= 2.0 * weights[k] * spins[i]", "+= 1.0 * weights[k] * spins[i]",
        "test_exact_agree.py"),
    "tree: the parent's field": (
        "statfe/kernels/tree.py", "0.5 * (plus - minus)", "0.5 * (minus - plus)", "test_exact_agree.py"),
    "transfer matrix: a bond with the wrong sign": (
        "statfe/kernels/transfer_matrix.py", "K = beta * J", "K = -beta * J", "test_exact_agree.py"),
    "kaufman: gamma_0 keeps its sign": (
        "statfe/methods/exact/kaufman.py", "np.sign(d)", "1.0", "test_kaufman.py"),
    "an RBM without its constant": (
        "statfe/models/rbm.py", "+ W.sum() / 4)", ")", "test_models.py"),
    "plaquettes: two sides instead of four": (
        "statfe/models/frustration.py", "for side in table.T[1:]:", "for side in table.T[1:2]:", "test_frustration.py"),
    "a file of the other convention": (
        "statfe/models/families/file.py", '== "plus"', '== "minus"', "test_model_files.py"),
    "TAP: the reaction term doubled": (
        "statfe/kernels/mean_field.py", "beta * beta * reaction, lambdas[i])",
        "2.0 * beta * beta * reaction, lambdas[i])",
        "test_tap.py"),
    "Bethe: messages without the cavity": (
        "statfe/kernels/belief_propagation.py", "decays[k], total - messages[k])", "decays[k], total)",
        "test_bethe.py"),
    "cumulants: the sign does not alternate": (
        "statfe/variational/cumulants.py", "(-1.0) ** k / math", "1.0 / math", "test_cumulants.py"),
    "cumulants: half of the variance": (
        "statfe/variational/cumulants.py", "kappas.append(_second(terms))", "kappas.append(0.5 * _second(terms))",
        "test_cumulants.py"),
    "Gibbs-Bogoliubov: saddles are kept": (
        "statfe/variational/minima.py", "if mode.theta <= 1.0 + FLAT:", "if True:", "test_gibbs_bogoliubov.py"),
    "mean field: half of the couplings": (
        "statfe/kernels/mean_field.py", "lambdas[i] = beta * total", "lambdas[i] = 0.5 * beta * total",
        "test_mean_field.py"),
    "verdict: bounds violated on the right side": (
        "statfe/scoring/verdict.py", "        return -gap\n", "        return gap\n", "test_verdict.py"),
    "store: the old file is overwritten": (
        "statfe/store/atomic.py", "os.replace(", "(lambda *_: None)(", "test_store.py"),
    "clusters: half of the exponent": (
        "statfe/sampling/banks/cluster.py", "-2.0 * np.multiply.outer", "-1.0 * np.multiply.outer", MATTIS),
    "clusters: a dropped bond": (
        "statfe/kernels/cluster.py", "for k in range(first, last):", "for k in range(first + 1, last):", MATTIS),
    "clusters: the ghost on the wrong side": (
        "statfe/kernels/cluster.py", "bonds.fields[i] * up > 0.0)", "bonds.fields[i] * up < 0.0)", MATTIS),
    "wolff: the ghost on the wrong side": (
        "statfe/kernels/cluster.py", "bonds.fields[i] * up > 0.0:", "bonds.fields[i] * up < 0.0:", MATTIS),
    "wolff: sweeps end when the clusters say so": (
        "statfe/kernels/cluster_ladder.py", "now >= settle, quota", "False, quota", MATTIS),
    "wolff: always an even number of clusters": (
        "statfe/kernels/cluster.py", "clusters + np.int64(word >> np.uint64(63))", "clusters + clusters % 2",
        "test_cluster.py::test_beta_zero_is_uniform"),
    "houdayer: one replica only": (
        "statfe/kernels/isoenergetic.py", "        b[i] = -b[i]\n", "",
        "test_houdayer.py::test_sum_of_energies_and_overlaps_stay"),
    "houdayer: replicas count as independent": (
        "statfe/stats.py", "    if units is None:\n        return series\n", "    return series\n",
        "test_houdayer.py::TestUnits"),
    "multi-site: beta 2% high": (
        "statfe/sampling/multi_site_lattice.py", "x = 2.0 * beta * coupling * m", "x = 2.04 * beta * coupling * m",
        "test_multi_site.py::test_thresholds_are_the_probabilities"),
    "multi-site: one bond dropped": (
        "statfe/kernels/multi_site.py", "_add(n0, d, NONE)", "_add(n0, NONE, NONE)",
        "test_multi_site.py::test_every_site_sees_its_neighbours"),
    "multi-site: the halo's lanes turned the wrong way": (
        "statfe/kernels/multi_site_layout.py", "words[behind + i] = from_behind(words[first + i], AXIS_X",
        "words[behind + i] = from_before(words[first + i], AXIS_X",
        "test_multi_site.py::test_every_site_sees_its_neighbours"),
    "multi-site: a draw shared by two words": (
        "statfe/kernels/multi_site_draw.py", "s0 = states[i]\n", "s0 = states[i & 62]\n",
        "test_multi_site.py::test_the_draw_compares_whole_uniforms"),
    "multi-site: slots share a stream": (
        "statfe/sampling/multi_site_lattice.py", "states[:, :SLOTS].transpose(0, 2, 1)",
        "states[:, np.arange(SLOTS) // 2].transpose(0, 2, 1)", "test_multi_site.py::test_no_two_words_share_a_draw"),
    "multi-site: ties are never accepted": (
        "statfe/kernels/multi_site_draw.py", "work[i] ^= lane", "work[i] ^= lane & np.uint64(0)",
        "test_multi_site.py::test_the_draw_compares_whole_uniforms"),
    "float lanes: beta 2% high": (
        "statfe/sampling/banks/float_lane.py", "scale = 2.0 * betas", "scale = 2.04 * betas",
        "test_float_lane.py::test_compiled_matrix_equals_the_formula"),
    "float lanes: four lanes share a draw": (
        "statfe/kernels/lane_vectors.py", "(b, bits, part * FLOATS, _VI)", "(b, bits, 0, _VI)",
        "test_float_lane.py::test_lanes_are_independent"),
    "float lanes: a neighbour is forgotten": (
        "statfe/kernels/lane_vectors.py", "add(first, total)", "add(b.add(first, ir.Constant(_I64, 1)), total)",
        "test_float_lane.py::test_compiled_matrix_equals_the_formula"),
    "float lanes: nothing is settled": (
        "statfe/kernels/float_lane.py", "        if doubtful != np.uint64(0):\n            return",
        "        if doubtful != np.uint64(0) and i < 0:\n            return",
        "test_float_lane.py::test_boltzmann_weight_is_invariant"),
    "float lanes: the doubt of the field is forgotten": (
        "statfe/sampling/banks/float_lane.py", "bound = 2.0**-16 + scale", "bound = 2.0**-22 + 0.0 * scale",
        "test_float_lane.py::test_boltzmann_weight_is_invariant test_float_lane.py::test_many_neighbours"),
    "float lanes: fields in the energy have the wrong sign": (
        "statfe/sampling/banks/float_lane.py", "fields = -2.0 * model.fields", "fields = 2.0 * model.fields",
        "test_float_lane.py::test_energies_are_those_of_the_spins"),
    "dense: beta 2% high": (
        "statfe/kernels/dense.py", "2.0 * beta * spins", "2.04 * beta * spins",
        "test_dense.py::test_compiled_matrix_equals_the_formula"),
    "dense: one row of four is lost": (
        "statfe/kernels/dense.py", "a2 * J[i2, j] + a3 * J[i3, j]", "a2 * J[i2, j]",
        "test_dense.py::test_kept_fields_never_drift"),
    "dense: couplings as they are, sums that drift": (
        "statfe/sampling/banks/dense.py", "- 52", "- 80", "test_dense.py::test_kept_fields_never_drift"),
    "resume: random streams are not saved": (
        "statfe/sampling/row_bank.py", '"spins": self.rows, "states": self.states', '"spins": self.rows',
        "test_resume.py::test_every_kernel_goes_on_with_the_same_bits[scalar-tempering]"),
    "resume: the rungs of the chains are not saved": (
        "statfe/sampling/bank.py", '"rung_of": self.rung_of, ', "",
        "test_resume.py::test_every_kernel_goes_on_with_the_same_bits[scalar-tempering]"),
    "resume: checksums are not looked at": (
        "statfe/store/shards.py", "zlib.crc32(memoryview(data)[:-CRC_BYTES]) != int", "0 > int", "test_shards.py"),
    "bit lanes: beta 2% high": (
        "statfe/sampling/bit_thresholds.py", "np.exp(-2.0 * betas", "np.exp(-2.04 * betas", "test_bit_layout.py"),
    "bit lanes: two words share a stream": (
        "statfe/sampling/banks/bit_lane.py", "streams(plan.seed, slabs * V, (CHAIN_KEY, number))",
        "np.repeat(streams(plan.seed, slabs * V // 2, (CHAIN_KEY, number)), 2, axis=0)", "test_bit_layout.py"),
    "bit lanes: parallel bonds count once": (
        "statfe/sampling/bit_graph.py", "copies = np.abs(weights)", "copies = np.minimum(np.abs(weights), 1)",
        "test_bit_layout.py"),
    "bit lanes: a bond is not counted": (
        "statfe/sampling/bit_graph.py", "np.flatnonzero(counted)", "np.flatnonzero(counted)[1:]",
        "test_bit_layout.py"),
    "bit lanes: the threshold of another field": (
        "statfe/kernels/bit_sweep.py", "(c1 & planes[(ROUNDS + b)", "(c1 & planes[(2 * ROUNDS + b)",
        "test_bit_draw.py::test_every_decision_is_that_of_the_twin[5]"),
    "bit lanes: no coin where nothing holds the spin": (
        "statfe/kernels/bit_sweep.py", "& ~(gibbs & x)", "",
        "test_bit_draw.py::test_every_decision_is_that_of_the_twin[4]"),
    "bit lanes: the last bits against the wrong ones": (
        "statfe/kernels/bit_sweep.py", "<< np.uint64(ROUNDS)", "<< np.uint64(ROUNDS - 1)",
        "test_bit_draw.py::test_probabilities_far_in_the_tail"),
    "quench: it stops too early": (
        "statfe/kernels/bit_anneal.py", "while some != 0:", "while some != 0 and sweeps < 1:",
        "test_ground_state.py::test_reads_end_where_no_flip_lowers_the_energy[ea:shape=5x5,seed=1-bit-lane]"),
    "quench: small gains are left": (
        "statfe/kernels/anneal.py", "field < -least[i]", "field < -0.3",
        "test_ground_state.py::test_reads_end_where_no_flip_lowers_the_energy"
        "[ea:shape=5x5,couplings=gaussian,seed=1-chain]"),
    "annealing: half of the cost": (
        "statfe/kernels/anneal.py", "uniform(state) < math.exp(-x)", "uniform(state) < math.exp(-0.5 * x)",
        "test_ground_state.py::test_sweeps_at_one_beta_keep_the_boltzmann_law[False-chain]"),
    "annealing in bit lanes: odd sites with the thresholds of even ones": (
        "statfe/kernels/bit_anneal.py", "codes[turn, k, 1]", "codes[turn, k, 0]",
        "test_ground_state.py::test_sweeps_at_one_beta_keep_the_boltzmann_law[False-bit-lane]"),
    "certificate: what is near the bound is taken": (
        "statfe/search/certificate.py", "if energy - lowest <= ROUNDING", "if energy - lowest >= -ROUNDING",
        "test_ground_state.py::test_no_other_state_is_certified[SK]"),
    "time to solution: ln 2": (
        "statfe/search/result.py", "math.log1p(-SOLVED)", "math.log(0.5)",
        "test_ground_state.py::test_the_time_to_solution"),
}


@pytest.fixture(scope="module")
def clean_copy(tmp_path_factory):
    """The sources and tests, to be spoilt one fault at a time."""
    place = tmp_path_factory.mktemp("sources")
    for name in ("statfe", "cli", "tests"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "setup.cfg", place)
    return place


def run_tests(place: Path, tests: str) -> subprocess.CompletedProcess:
    environment = {
        **os.environ, "PYTHONPATH": os.pathsep.join([str(place), str(place / "cli")]), "PYTHONDONTWRITEBYTECODE": "1",
        "STATFE_CACHE_DIR": str(place / "cache")}
    environment.pop("PYTEST_ADDOPTS", None)
    for name in [n for n in environment if n.startswith(("PYTEST_XDIST", "COV_"))]:
        environment.pop(name)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *(f"tests/{t}" for t in tests.split())],
        cwd=place, env=environment, capture_output=True, text=True)


def cache_of_rng(place: Path) -> Path:
    code = "from statfe._jit import cache_dir; print(cache_dir('rng'))"
    environment = {**os.environ, "STATFE_CACHE_DIR": str(place)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())


def test_old_compile_caches_are_removed_but_not_those_in_use(tmp_path):
    root = tmp_path / "statfe/numba"
    day = 86400.0
    for k, age in enumerate([0.1, 2.0, 3.0, 4.0, 5.0]):
        folder = root / f"rng-{k:016x}"
        folder.mkdir(parents=True)
        (folder / "kernel.nbi").write_bytes(b"x")
        os.utime(folder, (time.time() - age * day,) * 2)
    (root / "notes").mkdir()
    (root / f"mbar-{0:016x}").mkdir()
    for _ in range(2):
        own = cache_of_rng(tmp_path)
        assert own.parent == root
        left = {p.name for p in root.iterdir() if p.name.startswith(("rng", "notes", f"mbar-{0:016x}"))}
        assert left == {own.name, "notes", f"rng-{0:016x}", f"rng-{1:016x}", f"mbar-{0:016x}"}


def test_recent_caches_stay_however_many(tmp_path):
    for k in range(6):
        (tmp_path / f"statfe/numba/rng-{k:016x}").mkdir(parents=True)
    cache_of_rng(tmp_path)
    assert len(list((tmp_path / "statfe/numba").glob("rng-*"))) == 7


def test_a_cache_depends_on_the_kernels_that_are_called(tmp_path):
    shutil.copytree(ROOT / "statfe", tmp_path / "statfe", ignore=shutil.ignore_patterns("__pycache__"))
    code = "from statfe._jit import source_hash; print(*map(source_hash, ('single_spin', 'tempering', 'mbar', None)))"

    def hashes() -> list[str]:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path), "STATFE_CACHE_DIR": str(tmp_path / "cache")}
        return subprocess.run(
            [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True,
            check=True).stdout.split()

    before = hashes()
    with open(tmp_path / "statfe/kernels/rng.py", "a", encoding="utf-8") as file:
        file.write("# another version\n")
    changed = [a != b for a, b in zip(before, hashes(), strict=True)]
    assert changed == [True, True, False, True]


@pytest.mark.faults
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_seen(fault, clean_copy):
    file, right, wrong, tests = FAULTS[fault]
    path = clean_copy / file
    source = path.read_text(encoding="utf-8")
    assert source.count(right) >= 1, f"{file} no longer has {right!r}"
    path.write_text(source.replace(right, wrong, 1), encoding="utf-8")
    try:
        done = run_tests(clean_copy, tests)
    finally:
        path.write_text(source, encoding="utf-8")
    assert done.returncode == 1, done.stdout[-2000:]
    assert " failed" in done.stdout.splitlines()[-1]


@pytest.mark.faults
def test_the_copy_itself_is_what_is_tested(clean_copy):
    probe = clean_copy / "tests/test_probe.py"
    probe.write_text(
        "import statfe, statfe_cli\n\n\ndef test_here():\n"
        f"    assert statfe.__file__.startswith({str(clean_copy)!r})\n"
        f"    assert statfe_cli.__file__.startswith({str(clean_copy)!r})\n", encoding="utf-8")
    done = run_tests(clean_copy, "test_probe.py")
    assert done.returncode == 0, done.stdout
