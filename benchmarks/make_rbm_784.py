"""Train a restricted Boltzmann machine with 784 visible units on handwritten digits, and store it as a model.

    python benchmarks/make_rbm_784.py DIGITS OUTPUT.h5 [--hidden 20] [--epochs 30] [--seed 1]

DIGITS is a folder with files 0.json to 9.json, each ``{"data": [...]}`` with 784 grey values in [0, 1] a digit, or one
``.npy`` array of shape (images, 784). Pixels above 1/2 are 1. Training is persistent contrastive divergence (Tieleman
2008): 100 chains, batches of 100, a learning rate that falls to zero. Weights are kept in single precision.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import h5py
import numpy as np

from statfe.models.model_file import GROUP, write_model
from statfe.models.rbm import ising_form

PIXELS = 784


def read_digits(path: Path) -> np.ndarray:
    """Images as 0 and 1, float32, shape (images, 784)."""
    if path.is_dir():
        parts = [json.loads(file.read_text(encoding="utf-8"))["data"] for file in sorted(path.glob("[0-9].json"))]
        if not parts:
            raise SystemExit(f"{path} has no files 0.json to 9.json")
        grey = np.concatenate([np.asarray(part, dtype=np.float32) for part in parts]).reshape(-1, PIXELS)
    else:
        grey = np.load(path).reshape(-1, PIXELS)
    return (grey > 0.5).astype(np.float32)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x))."""
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def train(images: np.ndarray, hidden: int, epochs: int, rng: np.random.Generator, rate: float = 0.05,
          batch: int = 100, decay: float = 1e-4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights (784, hidden), visible and hidden biases."""
    mean = np.clip(images.mean(axis=0), 0.002, 0.998)
    a, b = np.log(mean / (1.0 - mean)), np.zeros(hidden)
    W = rng.normal(0.0, 0.01, (PIXELS, hidden))
    chains = images[rng.integers(0, len(images), batch)]
    steps, step = epochs * (len(images) // batch), 0
    for _ in range(epochs):
        order = rng.permutation(len(images))
        for first in range(0, len(order) - batch + 1, batch):
            data = images[order[first:first + batch]]
            h_data = sigmoid(data @ W + b)
            h_chain = (rng.random((batch, hidden)) < sigmoid(chains @ W + b)).astype(float)
            chains = (rng.random((batch, PIXELS)) < sigmoid(h_chain @ W.T + a)).astype(float)
            h_model = sigmoid(chains @ W + b)
            now = rate * (1.0 - step / steps) / batch
            W += now * (data.T @ h_data - chains.T @ h_model) - decay * now * batch * W
            a += now * (data - chains).sum(axis=0)
            b += now * (h_data - h_model).sum(axis=0)
            step += 1
    return W, a, b


def main() -> None:
    """Train and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("digits", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--hidden", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    images = read_digits(asked.digits)
    W, a, b = train(images, asked.hidden, asked.epochs, np.random.default_rng(asked.seed))
    W, a, b = (x.astype(np.float32).astype(np.float64) for x in (W, a, b))
    model = ising_form(W, a, b, spec=asked.output.stem)
    with h5py.File(asked.output, "w") as file:
        write_model(file.create_group(GROUP), model)
        file[GROUP].attrs["trained_on"] = f"{len(images)} handwritten digits, pixels above 1/2 are 1"
        file[GROUP].attrs["training"] = (
            f"persistent contrastive divergence, {asked.epochs} epochs, seed {asked.seed}, numpy {np.__version__}")
    print(f"{asked.output}: {len(images)} images, {asked.output.stat().st_size} bytes, |W| up to {np.abs(W).max():.2f}")


if __name__ == "__main__":
    main()
