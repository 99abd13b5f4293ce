"""Variational autoencoders in files: the format, what comes back, and the command."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

import statfe
from statfe.errors import StoreError
from statfe.learned.vae.file import read_vae, write_vae
from statfe.learned.vae.model import LIKELIHOODS, VaeShape
from statfe.learned.vae.training import TrainingOptions, fit_vae
from tests.hdf5_rules import check_format


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_the_file_keeps_the_format_and_the_model(likelihood, tmp_path):
    rng = np.random.default_rng(0)
    data = rng.standard_normal((60, 7)) if likelihood == "gaussian" else rng.choice(
        [-1.0, 1.0] if likelihood == "spin" else [0.0, 1.0], size=(60, 7))
    data[:, 3] = data[0, 3]
    found = fit_vae(
        data, VaeShape(7, 2, (5, 4), (3,), likelihood, "softplus"), epochs=2, options=TrainingOptions(batch=20, seed=9),
        test=data[:10])
    path = tmp_path / "model.h5"
    write_vae(path, found, "statfe train vae ...")
    leaves = check_format(path)
    assert {"/encoder/layer_2", "/decoder/layer_1", "/training", "/optimiser"} <= set(leaves)
    back = read_vae(path)
    assert back.vae.shape == found.vae.shape
    assert back.options == found.options
    assert back.constant_columns == found.constant_columns == 1
    assert np.array_equal(back.vae.parameters, found.vae.parameters)
    with h5py.File(path) as file:
        assert json.loads(file.attrs["shape"])["latent"] == 2
        assert file.attrs["seed"] == 9
    with h5py.File(path, "a") as file:
        del file["decoder/layer_0/weight"]
    with pytest.raises(StoreError):
        read_vae(path)


def test_the_command_trains_resumes_and_is_loaded(here, call):
    data = ("data", "make", "bars-and-stripes", "-o", "bars.h5", "--seed", "1")
    assert call(*data)[0] == 0
    words = ("train", "vae", "bars.h5", "--batch", "4", "--hidden", "6,5", "--seed", "3", "--likelihood", "spin")
    code, out, _ = call(*words, "--epochs", "4", "-o", "once.h5", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["shape"]["encoder"] == [6, 5]
    assert found["shape"]["decoder"] == [5, 6]
    assert len(found["history"]["loss"]) == 4
    assert call(*words, "--epochs", "2", "-o", "half.h5")[0] == 0
    code, out, _ = call("train", "vae", "bars.h5", "--resume", "--epochs", "4", "-o", "half.h5")
    assert code == 0
    assert "wrote half.h5" in out
    once, half = statfe.load("once.h5"), statfe.load("half.h5")
    assert np.array_equal(once.vae.parameters, half.vae.parameters)
    rows = statfe.score_posterior(once.vae, np.where(np.arange(once.vae.shape.visible) % 2, 1.0, -1.0), ["elbo"])
    assert rows[0].status == "converged"
    code, _, err = call(*words, "-o", "once.h5")
    assert code == 2
    assert "once.h5" in err
    assert call(*words, "--batch", "100000", "-o", "new.h5")[0] == 2
    assert call(*words, "--hidden", "4,x", "-o", "new.h5")[0] == 2
    assert call("train", "vae", "once.h5", "-o", "new.h5")[0] == 2
    assert not (here / "new.h5").exists()
    assert call(*data[:-4], "-o", "other.h5", "--test-fraction", "0.3", "--seed", "1")[0] == 0
    code, _, err = call("train", "vae", "other.h5", "--resume", "--epochs", "6", "-o", "half.h5")
    assert (code, "other data" in err) == (2, True)
    code, _, err = call("train", "vae", "bars.h5", "--resume", "--epochs", "6", "--rate", "0.5", "-o", "half.h5")
    assert (code, "leave out --rate" in err) == (2, True)
    assert statfe.load("half.h5").epochs == 4
