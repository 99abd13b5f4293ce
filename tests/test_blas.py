"""The BLAS keeps to one thread while a method runs, and gets its own number back."""

from __future__ import annotations

import threading

import pytest
from threadpoolctl import ThreadpoolController

import statfe
from statfe.blas import one_thread


def threads() -> set[int]:
    return {library["num_threads"] for library in ThreadpoolController().info() if library["user_api"] == "blas"}


@pytest.fixture
def two_threads():
    with ThreadpoolController().limit(limits=2, user_api="blas"):
        if threads() != {2}:
            pytest.skip("this BLAS has one thread")
        yield


def test_blocks_nest_and_restore(two_threads: None) -> None:
    with one_thread():
        with one_thread():
            assert threads() == {1}
        assert threads() == {1}
    assert threads() == {2}


def test_blocks_in_other_threads_do_no_harm(two_threads: None) -> None:
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with one_thread():
            inside.set()
            leave.wait(10)

    other = threading.Thread(target=hold)
    with one_thread():
        other.start()
        assert inside.wait(10)
        assert threads() == {1}
    leave.set()
    other.join()
    assert threads() == {2}
    with one_thread():
        assert threads() == {1}


def test_the_number_comes_back_after_an_error(two_threads: None) -> None:
    with pytest.raises(ValueError, match="stop"), one_thread():
        raise ValueError("stop")
    assert threads() == {2}


def test_methods_and_moments_give_the_bits_of_one_thread(two_threads: None) -> None:
    """Matrices of 180 x 180 are cut among threads by OpenBLAS."""
    model = statfe.model("sk:n=180,seed=3")
    free = statfe.free_energy(model, 0.7, "adaptive-tap", seed=1)
    with one_thread():
        alone = statfe.free_energy(model, 0.7, "adaptive-tap", seed=1)
        moments = alone.moments()
    assert free.beta_f == alone.beta_f
    assert (free.moments().correlations == moments.correlations).all()
