"""``statfe train``: machines that learn a distribution from data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from statfe_cli.arguments import available_cpus, force_option, json_option, seed_option, workers_option

if TYPE_CHECKING:
    from statfe.learned.vae.latent_table import LatentSearch
    from statfe.learned.vae.training import TrainedVae
    from statfe.machines.training_result import RbmTraining


@click.group("train")
def command() -> None:
    """Train a machine on data, into an HDF5 file.

    \b
    statfe data make bars-and-stripes -o bars.h5
    statfe train rbm bars.h5 --hidden 8 --epochs 500 --batch 30 -o model.h5
    statfe compare file:model.h5 --beta 1 --methods all -o out/
    """


_stream = click.option(
    "--stream/--no-stream", default=None,
    help="Leave the training rows in the file and read them block by block.  [default: where they pass 1 GiB]")


@command.command("rbm")
@click.argument("data", metavar="DATA.h5")
@click.option("-o", "--output", required=True, metavar="MODEL.h5", help="HDF5 file to write: file:MODEL.h5 is a model.")
@click.option("--hidden", type=click.IntRange(min=1), help="Hidden units; needed unless a training goes on.")
@click.option("--visible", type=click.Choice(["bernoulli", "gaussian"]),
              help="Visible units: values in [0, 1], or any numbers.  [default: bernoulli]")
@click.option("--noise", type=float, help="Of Gaussian units given the hidden ones: sigma over the standard deviation "
              "of the column.  [default: 1]")
@click.option("--algorithm", type=click.Choice(["pcd", "cd", "pt", "tap", "exact", "ratio", "score"]),
              help="Where the means under the machine come from; ratio (0/1 units) and score matching (Gaussian) need "
              "none.  [default: pcd]")
@click.option("--steps", type=click.IntRange(min=1), help="Gibbs steps, or TAP iterations, a gradient.  [default: 1]")
@click.option("--chains", type=click.IntRange(min=1), help="Persistent chains or TAP points.  [default: the batch]")
@click.option("--levels", type=click.IntRange(min=2),
              help="Levels of pt between the data's means and the machine.  [default: 8]")
@click.option("--order", type=click.IntRange(min=2, max=3), help="Order of the TAP free energy.  [default: 2]")
@click.option("--restart/--no-restart", default=None,
              help="Start TAP points from the data of each batch.  [default: they live through the training]")
@click.option("--epochs", type=click.IntRange(min=0), help="Times that all data are seen.  [default: 10]")
@click.option("--batch", type=click.IntRange(min=1), help="Samples of a minibatch.  [default: 100]")
@click.option("--optimiser", type=click.Choice(["momentum", "adam"]), help="Kind of step.  [default: momentum]")
@click.option("--rate", type=float, help="Learning rate.  [default: 0.05; adam 0.002]")
@click.option("--rate-decay", type=float, help="Factor of the rate from one epoch to the next.  [default: 1]")
@click.option("--momentum", type=float, help="Share of the last step that goes on.  [default: 0.5]")
@click.option("--decay", type=float, help="Weight decay.  [default: 0]")
@click.option("--centred/--no-centred", default=None, help="Centre the units.  [default: centred]")
@click.option("--scale", type=float, help="Standard deviation of the first weights.  [default: 0.01]")
@click.option("--precision", type=click.Choice(["single", "double"]), help="Of the training.  [default: single]")
@_stream
@click.option("--likelihood", default="auto", show_default=True, metavar="SPEC",
              help="Method for -ln Z at every look: auto (exact where that is cheap), none, or a spec such as ais.")
@click.option("--monitor-every", type=click.IntRange(min=1), default=1, show_default=True,
              help="Epochs between two looks at the machine.")
@click.option("--resume", is_flag=True, help="Go on with the training in MODEL.h5, to --epochs epochs in all.")
@seed_option
@workers_option
@force_option
@json_option
def rbm(data: str, output: str, likelihood: str, monitor_every: int, resume: bool, seed: int | None,
        workers: int | None, force: bool, as_json: bool, **options: Any) -> int:
    """Train a restricted Boltzmann machine on the training part of DATA.h5; the test part is only looked at.

    The same seed gives the same bits, in one go or stopped and resumed.
    """
    import statfe
    from statfe_cli.output import print_json
    from statfe_cli.progress import progress_bar

    given = {name: value for name, value in options.items() if value is not None}
    with progress_bar("training") as progress:
        found = statfe.train_rbm(
            data, output, seed=seed, likelihood=likelihood, monitor_every=monitor_every, resume=resume, force=force,
            workers=workers or available_cpus(), progress=progress, **given)
    if as_json:
        print_json(found.to_dict())
    else:
        _print(found)
    return 0 if found.status == "converged" else 3


def _print(found: RbmTraining) -> None:
    from statfe_cli.output import table, with_error

    s, machine = found.settings, found.machine
    click.echo(f"{machine.n_visible} {s.visible} visible, {machine.n_hidden} hidden units; {s.algorithm} of "
               f"{s.steps} steps, {s.optimiser} at rate {s.rate:g}, batches of {s.batch}, seed {found.seed}, "
               f"{found.seconds:.3g} s\n")
    shown = found.record if len(found.record) <= 24 else found.record[::-(len(found.record) // -24)]
    if shown[-1] is not found.record[-1]:
        shown = [*shown, found.record[-1]]
    rows = [
        [str(r["epoch"]), *(with_error(r[name], r["beta_f_error"], 6) for name in (
            "log_likelihood", "test_log_likelihood")),
         *(f"{r[name]:.5g}" if r[name] == r[name] else "-" for name in (
             "tap_log_likelihood", "pseudo_likelihood", "test_pseudo_likelihood", "reconstruction",
             "effective_beta")), r["status"]]
        for r in shown]
    head = ["epoch", "<ln p>", "test", "TAP", "pseudo", "test", "reconstruction", "beta_eff", "status of Z"]
    click.echo(table(head, rows, left=(8,)))
    _say_constant(found.constant_columns, machine.n_visible)
    if found.message:
        click.echo(f"\n{found.status}: {found.message}")
    click.echo(f"\nwrote {found.path}")


@command.command("vae")
@click.argument("data", metavar="DATA.h5")
@click.option("-o", "--output", required=True, metavar="MODEL.h5",
              help="HDF5 file to write, after every epoch; of several --latent at the end.")
@click.option("--latent", metavar="N|N,N,...|A:B:COUNT",
              help="Latent units. Of several sizes each is trained, and the smallest as good as the best is kept, by a "
              "validation part of the training rows.  [default: 2; trajectories 8]")
@click.option("--hidden", metavar="N,N,...",
              help="Units of the encoder's hidden layers; the decoder has them in reverse.  [default: 64; trajectories "
              "64,64]")
@click.option("--likelihood", type=click.Choice(["bernoulli", "spin", "gaussian"]),
              help="What a visible unit is, given z.  [default: bernoulli; trajectories gaussian]")
@click.option("--activation", type=click.Choice(["tanh", "softplus", "relu"]), default="tanh", show_default=True,
              help="Of hidden units.")
@click.option("--epochs", type=click.IntRange(min=0),
              help="Times that all data are seen.  [default: 20; trajectories 100]")
@click.option("--batch", type=click.IntRange(min=1), default=128, show_default=True, help="Samples of a minibatch.")
@click.option("--rate", type=float, help="Rate of Adam.  [default: 0.001; trajectories 0.003]")
@click.option("--rate-decay", type=float,
              help="Factor of the rate from one epoch to the next.  [default: 1; trajectories 0.97]")
@click.option("--objective", type=click.Choice(["elbo", "iwae", "dreg", "autoencoder"]), default="elbo",
              show_default=True, help="The bound: of one sample, or of importance-weighted ones.")
@click.option("--samples", type=click.IntRange(min=1), default=1, show_default=True, help="Latent samples a point.")
@click.option("--kl-weight", type=float, default=1.0, show_default=True, help="Weight of the divergence (beta-VAE).")
@click.option("--warm-up", type=click.IntRange(min=0), default=0, show_default=True,
              help="Epochs in which that weight rises from 0.")
@click.option("--precision", type=click.Choice(["float32", "float64"]), default="float32", show_default=True,
              help="Of the training.")
@_stream
@click.option("--resume", is_flag=True,
              help="Go on with the training in MODEL.h5, to --epochs epochs in all; model and rates are the file's.")
@seed_option
@workers_option
@force_option
@json_option
def vae(data: str, output: str, latent: str | None, hidden: str | None, likelihood: str | None, activation: str,
        epochs: int | None, rate: float | None, rate_decay: float | None, resume: bool, stream: bool | None,
        seed: int | None, workers: int | None, force: bool, as_json: bool, **options: Any) -> int:
    """Train a variational autoencoder on the training part of DATA.h5; the test part is only looked at.

    DATA.h5 is a file of statfe data, or of statfe attractors generate or import.

    The same seed gives the same bits, in one go or stopped and resumed. A search over --latent does not go on where it
    was stopped; --resume goes on with the network that it kept.
    """
    import statfe
    from statfe.learned.vae.data_parts import usual
    from statfe.learned.vae.to_file import layers_of
    from statfe.learned.vae.training import TrainingOptions
    from statfe.random import draw_seed
    from statfe_cli.output import print_json
    from statfe_cli.progress import progress_bar

    if resume:
        _refuse_given({"latent", "hidden", "likelihood", "activation", "rate", "rate_decay", *options}, output)
    by_default = usual(data)
    chosen = TrainingOptions(
        **options, seed=draw_seed() if seed is None else seed, rate=by_default.rate if rate is None else rate,
        rate_decay=by_default.rate_decay if rate_decay is None else rate_decay)
    with progress_bar("training") as progress:
        found = statfe.train_vae(
            data, output, latent=latent, hidden=None if hidden is None else layers_of(hidden), likelihood=likelihood,
            activation=activation, epochs=epochs, options=chosen, stream=stream, resume=resume, force=force,
            workers=workers or available_cpus(), progress=progress)
    if as_json:
        print_json({**found.to_dict(), "path": output})
    else:
        _print_vae(found, output)
    return 0 if found.status == "converged" else 3


def _refuse_given(names: set[str], output: str) -> None:
    """A training that goes on has the model and the options of its file."""
    context = click.get_current_context()
    said = sorted(f"--{name.replace('_', '-')}" for name in names
                  if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE)
    if said:
        raise click.UsageError(
            f"--resume goes on with the model and the options of {output}: leave out {', '.join(said)}, or train into "
            "a new file")


def _say_constant(count: int, columns: int) -> None:
    from statfe.datasets.rows import constant_words

    if count:
        click.echo(f"\n{constant_words(count, columns)}")


def _number(value: float) -> str:
    return f"{value:.6g}" if value == value else "-"


def _print_vae(found: TrainedVae, output: str) -> None:
    from statfe_cli.output import table

    shape, options = found.vae.shape, found.options
    click.echo(f"{shape.visible} {shape.likelihood} units, {shape.latent} latent; {options.objective} of "
               f"{options.samples} samples, rate {options.rate:g}, batches of {options.batch}, seed {options.seed}\n")
    step = -(-found.epochs // 24) or 1
    shown = sorted({*range(step - 1, found.epochs, step), *range(max(found.epochs - 1, 0), found.epochs)})
    columns = ("loss", "reconstruction", "divergence", "test_bound")
    rows = [[str(k + 1), *(_number(found.history[name][k]) for name in columns)] for k in shown]
    click.echo(table(["epoch", "loss", "reconstruction", "divergence", "test bound"], rows, left=()))
    if found.search is not None:
        _print_search(found.search)
    _say_constant(found.constant_columns, shape.visible)
    if found.message:
        click.echo(f"\n{found.status}: {found.message}")
    click.echo(f"\nwrote {output}")


def _print_search(search: LatentSearch) -> None:
    from statfe.learned.vae.latent_table import NATS
    from statfe_cli.output import table, with_error

    c = search.columns
    rows = [[str(n), _number(c["bound"][k]), with_error(c["above_best"][k], c["above_best_error"][k], 4),
             _number(c["stretches_above"][k]), str(c["active_by_variance"][k]), str(c["active_by_divergence"][k]),
             c["status"][k]] for k, n in enumerate(search.latent)]
    head = ["latent", "validation bound", "above the best", "stretches above", "active by means", "by information",
            "status"]
    click.echo(f"\n{table(head, rows, left=(6,))}")
    click.echo(f"\nkept {search.kept} latent units, the fewest as good as the best (within two errors and not above in "
               f"nearly all\nstretches, or within {NATS:g} nat) by {search.rows} rows: {search.rule}")
