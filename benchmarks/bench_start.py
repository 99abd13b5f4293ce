"""How long a command takes to answer, and how much memory a million spins take."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.test_memory import CHILD


def help_page() -> None:
    subprocess.run([sys.executable, "-m", "statfe_cli", "--help"], check=True, capture_output=True)


def test_help(benchmark, figure):
    benchmark.pedantic(help_page, rounds=15, iterations=1, warmup_rounds=1)
    seconds = benchmark.stats.stats.median
    figure("statfe --help", "< 0.3 s", f"{seconds:.3f} s (median of 15)")
    assert seconds < 0.3


def test_memory_of_a_million_spins(tmp_path, figure):
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path / "run.h5")], capture_output=True, text=True, check=True)
    peak = json.loads(done.stdout)[0]
    figure("10^6 spins, 8 replicas: peak memory", "< 1 GB", f"{peak / 1e9:.2f} GB")
    assert peak < 1e9
