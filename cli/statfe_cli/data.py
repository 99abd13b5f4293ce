"""``statfe data``: data to learn from, made on the spot or imported, in HDF5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from statfe_cli.arguments import force_option, json_option, seed_option


@click.group("data")
def command() -> None:
    """Make or import data to learn from.

    Data are rows of units, 0 and 1 or grey values, with labels, in a training and a test part; the file says
    by which rule grey values became 0 and 1, and how the parts were chosen.
    """


@command.group("import")
def bring() -> None:
    """Import data from files of other programs."""


@command.group("make")
def make() -> None:
    """Make data on the spot."""


def _shared(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options of every kind of data."""
    output = click.option("-o", "--output", required=True, metavar="DATA.h5", help="HDF5 file to write.")
    return output(seed_option(force_option(json_option(function))))


def _test_fraction(default: float) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option("--test-fraction", type=float, default=default, show_default=True,
                        help="Share of the samples that is kept for tests.")


def _grey(function: Callable[..., Any]) -> Callable[..., Any]:
    """How grey values become 0 and 1, or stay."""
    rule = click.option("--binarise", type=click.Choice(["threshold", "sample", "grey"]), default="threshold",
                        show_default=True,
                        help="1 above the threshold, or with the grey value as probability; grey leaves it as it is.")
    return rule(click.option("--threshold", type=float, default=0.5, show_default=True,
                             help="Between 0 (black) and 1 (white).")(function))


@bring.command("idx")
@click.argument("file")
@click.option("--labels", metavar="FILE", help="IDX file of the classes of FILE.")
@click.option("--test", metavar="FILE", help="IDX file of a test part; a share of FILE when not given.")
@click.option("--test-labels", metavar="FILE", help="IDX file of the classes of the test part.")
@_grey
@_test_fraction(0.2)
@_shared
def idx(file: str, as_json: bool, **options: Any) -> int:
    """Import the IDX file FILE (MNIST and its kin, plain or gzip)."""
    return _write("idx", as_json, file=file, **options)


@bring.command("run")
@click.argument("file", metavar="RUN.h5")
@click.option("--beta", type=float, required=True, help="Inverse temperature, one that RUN.h5 has states at.")
@_test_fraction(0.2)
@_shared
def run(as_json: bool, **options: Any) -> int:
    """Import the configurations that ``simulate --states`` stored in RUN.h5."""
    return _write("run", as_json, **options)


@make.command("bars-and-stripes")
@click.option("--side", type=click.IntRange(min=1), default=4, show_default=True, help="Side of the square.")
@click.option("--samples", type=click.IntRange(min=1), help="Draw so many; all patterns once when not given.")
@_test_fraction(0.0)
@_shared
def bars_and_stripes(as_json: bool, **options: Any) -> int:
    """Squares of full rows or full columns."""
    return _write("bars-and-stripes", as_json, **options)


@make.command("ising")
@click.argument("model")
@click.option("--beta", type=float, required=True, help="Inverse temperature.")
@click.option("--samples", type=click.IntRange(min=1), default=1000, show_default=True, help="How many.")
@_test_fraction(0.2)
@_shared
def ising(as_json: bool, **options: Any) -> int:
    """Exact, independent configurations of the spin model MODEL, such as ising:shape=8x8."""
    return _write("ising", as_json, **options)


@make.command("digits")
@_grey
@_test_fraction(0.2)
@_shared
def digits(as_json: bool, **options: Any) -> int:
    """scikit-learn's handwritten digits, 8 x 8 pixels; scikit-learn must be installed."""
    return _write("digits", as_json, **options)


def _write(kind: str, as_json: bool, **options: Any) -> int:
    import statfe
    from statfe_cli.output import print_json

    output = options.pop("output")
    data = statfe.make_data(kind, output, **options)
    facts = {
        "kind": kind, "name": data.name, "shape": list(data.shape), "train": len(data.train), "test": len(data.test),
        "rule": data.rule, "split": data.split, "seed": data.seed, "path": output}
    if as_json:
        print_json(facts)
    else:
        click.echo(f"{data.name}: {len(data.train)} training and {len(data.test)} test samples of {data.n_units} units")
        click.echo(f"{data.rule}\n\nwrote {output}")
    return 0
