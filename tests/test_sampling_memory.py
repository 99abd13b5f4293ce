"""Too little memory is said before anything is sampled, with what to change."""

from __future__ import annotations

import pytest

import statfe
from statfe.errors import UsageError
from statfe.sampling import memory


def test_a_run_that_does_not_fit_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "available_bytes", lambda: 1.0e5)
    with pytest.raises(UsageError, match=r"need .* GB and 0\.0001 GB are free; take fewer replicas") as caught:
        statfe.simulate("ising:shape=32x32", [0.4], tmp_path / "run.h5", sweeps=1000, replicas=8, seed=1)
    assert "kernel=" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_what_is_free_is_known():
    assert 1e6 < memory.available_bytes() < 1e15


def test_odd_sides_name_a_kernel_that_can():
    with pytest.raises(UsageError, match=r"even.*scalar"):
        statfe.simulate("ising:shape=15x15", [0.4], sampler="metropolis:kernel=multi-site", sweeps=10, seed=1)
    with pytest.raises(UsageError, match=r"multiples of one J.*(float-lane|scalar)"):
        statfe.simulate("sk:n=20", [0.4], sampler="metropolis:kernel=bit-lane", sweeps=10, seed=1)
