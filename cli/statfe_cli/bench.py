"""``statfe bench``: how fast this machine samples, and how far sampled free energies are from exact ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from statfe_cli.arguments import available_cpus, force_option, json_option, seed_option, workers_option

if TYPE_CHECKING:
    from statfe.attractors.rules import Rule
    from statfe.bench.attractors.records import AttractorsBench
    from statfe.bench.records import Benchmark, Rate
    from statfe.bench.references.records import References, Spread


@click.group("bench")
def command() -> None:
    """Measure speed and accuracy on this machine."""


@command.command("samplers")
@click.option("--quick", "mode", flag_value="quick", help="Under a minute.")
@click.option("--full", "mode", flag_value="full", help="Lattices up to 10^8 spins.")
@click.option("--workloads", metavar="NAME,...", help="Workloads to time, and `sizes`.  [default: all of them]")
@click.option("--kernels", metavar="NAME,...",
              help="Kernels to time.  [default: what kernel=auto takes, and all over the sizes]")
@click.option("--threads", metavar="N,...", help="Numbers of threads to compare.  [default: 1 and 2, where there are]")
@click.option("--repeats", type=click.IntRange(min=1), help="Timings of each; the median and range are shown.")
@click.option("-o", "--output", metavar="OUT/", help="Folder for samplers.json, samplers.csv and figures.")
@seed_option
@force_option
@json_option
def samplers(
    mode: str | None, workloads: str | None, kernels: str | None, threads: str | None, repeats: int | None,
    output: str | None, seed: int | None, force: bool, as_json: bool) -> None:
    """Spin updates a nanosecond, by kernel, model, size and threads.

    peapods and dwave-samplers are timed in turns with statfe where they are installed (statfe[peers]).

    \b
    statfe bench samplers --quick
    statfe bench samplers --full -o bench/
    """
    from statfe.bench.samplers import bench_samplers, check_bench_output, write_bench
    from statfe_cli.output import print_json
    from statfe_cli.progress import progress_bar

    if output is not None:
        check_bench_output(output, force)
    with progress_bar("timing") as progress:
        found = bench_samplers(
            mode=mode or "default", workload_names=_words(workloads), kernel_names=_words(kernels),
            threads=_numbers(threads), repeats=repeats, seed=seed, progress=progress)
    files = write_bench(found, output, force) if output is not None else []
    if as_json:
        print_json(found.to_dict())
        return
    click.echo(_page(found))
    click.echo("".join(f"\nwrote {path}" for path in files), nl=bool(files))


def _words(text: str | None) -> list[str]:
    words = [w.strip() for w in text.split(",")] if text is not None else []
    if "" in words:
        raise click.UsageError("an empty name; write names with commas between them")
    return words


def _numbers(text: str | None) -> list[int]:
    if text is None:
        return list(range(1, min(2, available_cpus()) + 1))
    words = _words(text)
    if not all(w.isdecimal() for w in words):
        raise click.UsageError(f"--threads takes numbers such as 1,2, got {text!r}")
    return [int(w) for w in words]


def _page(found: Benchmark) -> str:
    from statfe_cli.output import table

    m = found.machine
    busy = " to ".join(f"{m[k]:.1f}" for k in ("load_average", "load_average_after") if m[k] is not None)
    parts = [f"{m['cpu']}, {m['cores']} cores{f', load {busy}' if busy else ''}; statfe {found.versions['statfe']}, "
             f"seed {found.seed}\n"
             "flips/ns: spin updates tried a nanosecond, median and range of "
             f"{max((r.repeats for r in [*found.rates, *found.sizes]), default=0)} repeats, timed in turns"]
    if found.rates:
        head = ["workload", "program", "chains", "flips/ns", "range", "ns a flip", "bytes a spin"]
        parts.append(table(head, [_cells(r, r.workload) for r in found.rates], left=(0, 1)))
    ratios = [
        [r.workload, r.kernel, "statfe" if r.kind == "peer" else r.fast, r.slow, f"{r.ratio:.3g}",
         f"{r.low:.3g} to {r.high:.3g}"]
        for r in found.ratios]
    if ratios:
        parts.append(table(["workload", "kernel", "", "over", "times as fast", "range"], ratios, left=(0, 1, 2, 3)))
    shares = [[s.workload, s.kernel, f"{100 * s.share:.1f}%", f"{100 * s.low:.1f}% to {100 * s.high:.1f}%"]
              for s in found.measuring]
    if shares:
        parts.append("share of time that energies and magnetisations of every sweep take\n"
                     + table(["workload", "kernel", "share", "range"], shares, left=(0, 1)))
    if found.sizes:
        rows = [_cells(r, r.model.partition("=")[2]) for r in sorted(found.sizes, key=lambda r: (r.program, r.kernel))]
        head = ["2D Ising", "program", "chains", "flips/ns", "range", "ns a flip", "bytes a spin"]
        parts.append(table(head, rows, left=(0, 1)))
    if found.skipped:
        parts.append("\n".join(f"not timed: {s.workload}: {s.what}: {s.reason}" for s in found.skipped))
    return "\n\n".join(parts)


def _cells(r: Rate, first: str) -> list[str]:
    program = f"statfe {r.kernel}" if r.program == "statfe" else f"{r.program} {r.version}"
    return [first, program, f"{r.replicas} x {r.temperatures}", f"{r.rate:.3g}",
            f"{r.rate_low:.3g} to {r.rate_high:.3g}", f"{r.ns_per_flip:.3g}",
            f"{r.bytes_per_spin:.3g}" if r.bytes_per_spin is not None else "-"]


@command.command("references")
@click.option("--quick", "mode", flag_value="quick", help="Some runs of each method; a minute or two.")
@click.option("--full", "mode", flag_value="full", help="500 runs of each method on each model; hours.")
@click.option("--parts", metavar="NAME,...", help="calibration, budgets, accuracy.  [default: those of the mode]")
@click.option("--methods", metavar="NAME,...", help="Sampled methods to run.  [default: all]")
@click.option("--runs", type=click.IntRange(min=1), help="Runs of each method on each model of the calibration.")
@click.option("-o", "--output", metavar="OUT/", help="Folder for references.json, references.csv and figures.")
@seed_option
@workers_option
@force_option
@json_option
def references(
    mode: str | None, parts: str | None, methods: str | None, runs: int | None, output: str | None, seed: int | None,
    workers: int | None, force: bool, as_json: bool) -> None:
    """Hold every sampled method against exact free energies.

    Calibration: are errors as large as they say? Budgets: which method is nearest after the same time? Accuracy: how
    long do small errors on large models take?

    \b
    statfe bench references --quick
    statfe bench references --parts calibration --runs 100 -o bench/
    """
    from statfe.bench.references.run import bench_references, check_references_output, write_references
    from statfe_cli.output import print_json
    from statfe_cli.progress import progress_bar

    if output is not None:
        check_references_output(output, force)
    with progress_bar("references") as progress:
        found = bench_references(
            mode=mode or "default", parts=_words(parts), method_names=_words(methods), runs=runs, seed=seed,
            workers=workers or available_cpus(), progress=progress)
    files = write_references(found, output, force) if output is not None else []
    if as_json:
        print_json(found.to_dict())
        return
    click.echo(_references_page(found))
    click.echo("".join(f"\nwrote {path}" for path in files), nl=bool(files))


def _references_page(found: References) -> str:
    from statfe.bench.references.budgets import TARGET
    from statfe.bench.references.records import Spread
    from statfe_cli.output import table

    parts = []
    head = ["runs", "converged", "mean z", "sd z", "in 1 sigma", "in 2 sigma", "largest"]
    if found.calibrations:
        rows = [[name, *_spread_cells(sum(c.runs for c in own), sum(c.converged for c in own), Spread.of(z))]
                for name, z in found.by_method().items()
                if (own := [c for c in found.calibrations if c.method == name])]
        parts.append("z = (beta F - exact) / error, over all models\n" + table(["method", *head], rows, left=(0,)))
        rows = [[c.case, c.method, *_spread_cells(c.runs, c.converged, c.summary), f"{c.rms_error:.1e}",
                 f"{c.seconds:.2g}"] for c in found.calibrations]
        parts.append(table(["model", "method", *head, "error/N", "s a run"], rows, left=(0, 1)))
    if found.budgets:
        rows = [[b.case, b.method, f"{b.seconds:.2g}", f"{b.error:.1e}", f"{b.claimed:.1e}",
                 f"{b.converged} of {b.runs}", f"{b.to_target:.2g}"]
                for b in sorted(found.budgets, key=lambda b: (b.case, b.to_target)) if b.runs]
        parts.append(f"seconds to an error of {TARGET:g} a site, from runs of about the same time\n" + table(
            ["model", "method", "s a run", "error/N", "claimed", "converged", "s to it"], rows, left=(0, 1)))
    if found.accuracies:
        rows = [[a.title, f"{a.target:g}", f"{a.error:.2g}", f"{a.distance:+.1e}", f"{a.sigmas:+.1f}",
                 f"{a.seconds:.1f}", f"{a.limit:g}", a.status] for a in found.accuracies]
        parts.append(table(["model", "target/N", "error/N", "distance/N", "sigmas", "s", "limit", "status"], rows,
                           left=(0,)))
    return "\n\n".join(parts)


def _spread_cells(runs: int, converged: int, s: Spread) -> list[str]:
    return [str(runs), str(converged), f"{s.mean:+.2f}", f"{s.deviation:.2f}", f"{s.within_one:.1%}",
            f"{s.within_two:.1%}", f"{s.largest:.1f}"]


@command.command("attractors")
@click.option("--system", "systems", multiple=True, metavar="SPEC",
              help="A system to measure; may be repeated.  [default: every system of the catalogue]")
@click.option("--scale", type=float, default=1.0, show_default=True, help="Length of all runs over the default.")
@click.option("-o", "--output", metavar="OUT/", help="Folder for attractors.json, attractors.csv and attractors.md.")
@seed_option
@workers_option
@force_option
@json_option
def attractors(
    systems: tuple[str, ...], scale: float, output: str | None, seed: int | None, workers: int | None, force: bool,
    as_json: bool) -> None:
    """Lyapunov exponents of every system, against published values and the rules they must obey.

    The sum of all exponents is the mean trace of the Jacobian, a flow has an exponent zero, those of Hamiltonian
    systems come in pairs, and conserved quantities do not drift. Some systems are measured by two integrators,
    which must agree within their errors.

    \b
    statfe bench attractors -o bench/
    statfe bench attractors --system lorenz63 --system henon --scale 0.2
    """
    from statfe.bench.attractors.run import bench_attractors, check_attractors_output, write_attractors
    from statfe_cli.output import print_json
    from statfe_cli.progress import progress_bar

    if output is not None:
        check_attractors_output(output, force)
    with progress_bar("exponents") as progress:
        found = bench_attractors(systems=systems, scale=scale, seed=seed, workers=workers or available_cpus(),
                                 progress=progress)
    files = write_attractors(found, output, force) if output is not None else []
    if as_json:
        print_json(found.to_dict())
        return
    click.echo(_attractors_page(found))
    click.echo("".join(f"\nwrote {path}" for path in files), nl=bool(files))


def _attractors_page(found: AttractorsBench) -> str:
    from statfe_cli.output import table, with_error

    rows = []
    for r in found.rows:
        shown = [with_error(v, e, 6) for v, e in zip(r.exponents[:3], r.errors, strict=False)]
        shown += ["..."] if len(r.exponents) > 3 else []
        rows.append([r.system, str(r.dimension), r.motion or "-", "  ".join(shown) or "-",
                     with_error(r.kaplan_yorke, r.kaplan_yorke_error, 6),
                     *(_rule_cell(r.rule(start)) for start in ("sum", "an exponent", "exponents in", "conserved")),
                     f"{r.seconds:.1f}", r.status])
    head = ["system", "dim", "motion", "exponents", "D_KY", "trace", "zero", "pairs", "energy", "s", "status"]
    parts = [f"exponents a unit of time or step; seed {found.seed}, scale {found.scale:g}, "
             f"{found.cpu_seconds:.0f} s of one core\n"
             + table(head, rows, left=(0, 2, 3, 10))]
    rows = [[r.system, c.quantity, with_error(c.value, c.error), f"{c.known:.6g}", f"{c.tolerance:.1g}",
             f"{c.sigmas:.1f}", "yes" if c.close else "NO", "yes" if c.inside else "NO", c.source]
            for r in found.rows for c in r.checks]
    if rows:
        head = ["system", "", "measured", "known", "trust", "sigmas", "within 1%", "in 2 sigma", "source"]
        parts.append("against known values\n" + table(head, rows, left=(0, 1, 8)))
    rows = [[a.system, *(f"{name} {step:.3g}" for name, step in zip(a.integrators, a.steps, strict=True)), d.quantity,
             *(with_error(v, e) for v, e in zip(d.values, d.errors, strict=True)), f"{d.sigmas:.1f}",
             "yes" if a.agree else "NO"] for a in found.agreements for d in a.differences]
    if rows:
        head = ["system", "first", "second", "", "by the first", "by the second", "sigmas", "agree"]
        parts.append("two integrators\n" + table(head, rows, left=(0, 1, 2, 3)))
    notes = [f"{r.system}: {r.message}" for r in found.rows if r.message]
    notes += [f"{r.system}: {rule.name}: {rule.message}" for r in found.rows for rule in r.rules
              if rule.passed is None]
    notes += [f"{a.system} by two integrators: {a.message}" for a in found.agreements if a.message]
    notes += [f"not measured: {name}: {reason}" for name, reason in found.skipped]
    return "\n\n".join([*parts, *(["\n".join(notes)] if notes else [])])


def _rule_cell(rule: Rule | None) -> str:
    if rule is None or rule.passed is None:
        return "-"
    return f"{rule.value:.1e}" + ("" if rule.passed else " FAILED")
