"""Gradients beside those of PyTorch, where it is installed: float32, the same noise and the same draws.

Without it, `test_vae.py` and `test_training_threads.py` hold gradients to differences of the loss.
"""

from __future__ import annotations

import numpy as np
import pytest

from statfe.learned.vae.model import LIKELIHOODS, VaeShape, fresh_vae
from statfe.learned.vae.objective import Objective, loss_and_gradient
from statfe.machines.gibbs import Parameters, Units
from statfe.machines.phases import RowMeans

torch = pytest.importorskip("torch")
#: Largest difference, relative to the largest slope.
CLOSE = 1e-5


def of_torch(shape, parameters, data, noise, goal):
    """The loss and its gradient, by automatic differentiation."""
    flat = torch.tensor(parameters, requires_grad=True)
    arrays = {name: flat[start:start + int(np.prod(shape.layout.shapes[name]))].reshape(shape.layout.shapes[name])
              for name, start in shape.layout.starts.items()}
    bend = {"tanh": torch.tanh, "relu": torch.relu, "softplus": torch.nn.functional.softplus}[shape.activation]

    def network(dense, values):
        for layer in range(dense.depth):
            values = values @ arrays[dense.weights(layer)] + arrays[dense.biases(layer)]
            values = bend(values) if layer < dense.depth - 1 else values
        return values

    x, eps = torch.tensor(data, dtype=flat.dtype)[:, None], torch.tensor(noise, dtype=flat.dtype)
    mean, log_variance = network(shape.encoder_network, x).split(shape.latent, dim=2)
    z = mean + torch.exp(0.5 * log_variance) * eps
    out = network(shape.decoder_network, z)
    if shape.likelihood == "gaussian":
        variance = 1e-4 + torch.exp(arrays["noise"])
        log_p = -0.5 * ((x - out) ** 2 / variance + torch.log(2.0 * np.pi * variance)).sum(dim=2)
    else:
        scale, share = (2.0, 0.5 * (x + 1.0)) if shape.likelihood == "spin" else (1.0, x)
        log_p = -torch.nn.functional.binary_cross_entropy_with_logits(
            scale * out, share.expand_as(out), reduction="none").sum(dim=2)
    if goal.name == "iwae":
        log_w = log_p + 0.5 * goal.kl_weight * (log_variance + eps**2 - z**2).sum(dim=2)
        loss = -(torch.logsumexp(log_w, dim=1) - np.log(goal.samples)).mean()
    else:
        divergence = 0.5 * (mean**2 + torch.exp(log_variance) - log_variance - 1.0).sum(dim=2)
        loss = (goal.kl_weight * divergence - log_p).mean()
    loss.backward()
    return float(loss.detach()), flat.grad.numpy()


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("activation", ["tanh", "relu", "softplus"])
@pytest.mark.parametrize(("objective", "samples"), [("elbo", 1), ("elbo", 3), ("iwae", 3)])
def test_gradients_of_an_autoencoder(likelihood, activation, objective, samples):
    check(VaeShape(64, 8, (64, 32), (64,), likelihood, activation), Objective(objective, samples, 0.8), 128)


def test_gradients_of_a_wide_autoencoder():
    check(VaeShape(784, 20, (400,), (400,), activation="relu"), Objective(), 128)


def check(shape, goal, rows):
    rng = np.random.default_rng(0)
    data = rng.random((rows, shape.visible)) if shape.likelihood == "gaussian" else np.where(
        rng.random((rows, shape.visible)) < 0.3, 1.0, -1.0 if shape.likelihood == "spin" else 0.0)
    vae = fresh_vae(shape, 1, data)
    vae.parameters[:] += 0.02 * rng.standard_normal(len(vae.parameters))
    noise = rng.standard_normal((rows, goal.samples, shape.latent))
    wanted, slopes = of_torch(shape, vae.parameters, data, noise, goal)
    loss, gradient = loss_and_gradient(vae, data, noise, goal)
    assert gradient.dtype == slopes.dtype == np.float32
    assert loss.value == pytest.approx(wanted, rel=2e-6)
    assert np.max(np.abs(gradient - slopes)) < CLOSE * np.max(np.abs(slopes))


def test_gradients_of_a_machine_at_the_same_draws():
    """d (F(v) - F(v')) / d parameters, with F the clamped free energy and v' what CD-1 drew."""
    rng, units = np.random.default_rng(0), Units(np.float32, 1)
    p = Parameters(784, 500, np.float32)
    p.vector[:] = 0.05 * rng.standard_normal(len(p.vector))
    data = (rng.random((100, 784)) < 0.2).astype(np.float32)
    hidden = units.hidden(p, data)
    drawn = units.draw(units.visible(p, units.draw(hidden)))
    up, down = RowMeans(data, hidden), RowMeans(drawn, units.hidden(p, drawn))
    found = [up.visible - down.visible, up.hidden - down.hidden, up.both - down.both]
    a, b, W = (torch.tensor(x, requires_grad=True) for x in (p.a, p.b, p.W))

    def free_energy(v):
        return -(v @ a) - torch.nn.functional.softplus(v @ W + b).sum(dim=1)

    (free_energy(torch.tensor(drawn)).mean() - free_energy(torch.tensor(data)).mean()).backward()
    for mine, theirs in zip(found, (a, b, W), strict=True):
        assert np.max(np.abs(mine - theirs.grad.numpy())) < CLOSE * float(theirs.grad.abs().max())
