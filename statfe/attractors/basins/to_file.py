"""What the commands do: searches with their options checked, a second seed on demand, and files."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from os import PathLike

import numpy as np

from statfe.attractors.basins.agreement import compare_fractions
from statfe.attractors.basins.continuation import Continuation, continue_attractors
from statfe.attractors.basins.continuation_file import write_continuation
from statfe.attractors.basins.identify import DEFAULT_STARTS, identify
from statfe.attractors.found import AttractorSet
from statfe.attractors.found_file import write_found
from statfe.errors import UsageError, unknown_name
from statfe.random import draw_seed
from statfe.spec import parse_grid
from statfe.store.atomic import check_output
from statfe.systems.catalogue import build_system, files_of
from statfe.systems.system import System


def identify_to_file(
    system: str | System, output: str | PathLike[str] | None = None, *, starts: int = DEFAULT_STARTS,
    method: str = "recurrences", box: str | np.ndarray | None = None, seed: int | None = None, workers: int = 1,
    cells: int | None = None, plane: str | None = None, second_seed: int | None = None, force: bool = False,
    progress: Callable[[str, float], None] | None = None,
) -> AttractorSet:
    """Identify the attractors and write them.

    Parameters
    ----------
    box
        Corners as an array, or as text: ``x=-2:2,v=-1:1``; coordinates that are not named keep those of the system.
    plane
        ``x,v,50``: two coordinates and points a side.
    second_seed
        Search again from other starts, and test that the shares agree: the numbers of the test are in `stats`, with
        names that begin with ``seeds_``.
    """
    built = build_system(system)
    if output is not None:
        check_output([output], force, inputs=files_of(built))
    seed = draw_seed() if seed is None else seed
    if second_seed == seed:
        raise UsageError(f"the second seed is the first one, {seed}; take another")
    corners = read_box(built, box) if isinstance(box, str) else box
    found = identify(built, starts, method, corners, seed, workers, cells, _read_plane(built, plane), progress)
    if second_seed is not None:
        again = identify(built, starts, method, corners, second_seed, workers, cells, None, progress)
        agreement = compare_fractions(found, again, built.angles)
        found = replace(found, stats={
            **found.stats, "second_seed": second_seed, "seeds_chi_square": agreement.chi_square,
            "seeds_degrees": agreement.degrees, "seeds_p_value": agreement.p_value,
            "seeds_found_again": len(agreement.pairs), "seeds_alone": agreement.alone})
    if output is not None:
        words = ["statfe", "attractors", "identify", built.spec or built.name, "--starts", str(starts), "--method",
                 method, "--seed", str(seed)]
        words += ["--box", box] if isinstance(box, str) else []
        words += ["--cells", str(cells)] if cells else []
        words += ["--plane", plane] if plane else []
        words += ["--second-seed", str(second_seed)] if second_seed is not None else []
        known = built.spec and not isinstance(box, np.ndarray)
        write_found(output, found, shlex.join([*words, "-o", str(output)]) if known else "")
    return found


def continue_to_file(
    system: str | System, parameter: str, output: str | PathLike[str] | None = None, *, starts: int = 200,
    method: str = "recurrences", box: str | np.ndarray | None = None, seed: int | None = None, workers: int = 1,
    cells: int | None = None, force: bool = False, progress: Callable[[str, float], None] | None = None,
) -> Continuation:
    """Follow the attractors along ``name=GRID`` and write them; arguments as `identify_to_file` has them."""
    built = build_system(system)
    if output is not None:
        check_output([output], force, inputs=files_of(built))
    name, equals, grid = parameter.partition("=")
    if not equals:
        first = next(iter(built.parameters), "a")
        raise UsageError(f"parameter {parameter!r}: write name=GRID, such as {first}=0:1:11")
    seed = draw_seed() if seed is None else seed
    corners = read_box(built, box) if isinstance(box, str) else box
    name = name.strip()
    done = continue_attractors(built, name, parse_grid(grid, name), starts, method, corners, seed, workers, cells,
                               progress)
    if output is not None:
        words = ["statfe", "attractors", "continue", built.spec, "--parameter", parameter, "--starts", str(starts),
                 "--method", method, "--seed", str(seed)]
        words += ["--box", box] if isinstance(box, str) else []
        words += ["--cells", str(cells)] if cells else []
        known = built.spec and not isinstance(box, np.ndarray)
        write_continuation(output, done, shlex.join([*words, "-o", str(output)]) if known else "")
    return done


def read_box(system: System, text: str) -> np.ndarray:
    """Corners from ``name=low:high,...``.

    Raises
    ------
    UsageError
        For an unknown coordinate or a part that does not parse.
    """
    corners = np.array(system.box, dtype=np.float64)
    for part in text.split(","):
        name, _, ends = part.partition("=")
        low, _, high = ends.partition(":")
        try:
            corners[_index(system, name.strip())] = float(low), float(high)
        except ValueError as error:
            if isinstance(error, UsageError):
                raise
            raise UsageError(f"box: cannot read {part!r}; write coordinate=low:high") from None
    return corners


def _read_plane(system: System, text: str | None) -> tuple[int, int, int] | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if len(parts) not in (2, 3) or not (len(parts) == 2 or parts[2].isdigit()):
        raise UsageError(f"plane {text!r}: write two coordinates and points a side, such as "
                         f"{','.join(system.coordinates[:2])},50")
    return _index(system, parts[0]), _index(system, parts[1]), int(parts[2]) if len(parts) == 3 else 50


def _index(system: System, name: str) -> int:
    if name not in system.coordinates:
        raise UsageError(unknown_name("coordinate", name, system.coordinates))
    return system.coordinates.index(name)
