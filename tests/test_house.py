"""The house: imports go down the floors, numba stays in the kernels, every package is installed, one page says so."""

from __future__ import annotations

import ast
import configparser
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

#: Floor of every file or folder under statfe/ and cli/; the same table stands in ARCHITECTURE.md.
FLOORS = {
    0: ("statfe/_jit.py", "statfe/errors.py"),
    1: ("statfe/kernels", "statfe/spec.py", "statfe/result.py", "statfe/random.py", "statfe/blas.py"),
    2: ("statfe/models", "statfe/systems"),
    3: ("statfe/stats.py", "statfe/registry.py", "statfe/trial.py", "statfe/executors.py", "statfe/signals.py",
        "statfe/chains.py", "statfe/tally.py",
        "statfe/planar", "statfe/store", "statfe/variational", "statfe/propagation", "statfe/trials", "statfe/series",
        "statfe/junction", "statfe/limits"),
    4: ("statfe/attractors", "statfe/estimators", "statfe/learned", "statfe/machines", "statfe/datasets"),
    5: ("statfe/sampling", "statfe/flat", "statfe/annealed"),
    6: ("statfe/methods", "statfe/density"),
    7: ("statfe/scoring", "statfe/search", "statfe/disorder", "statfe/laboratory", "statfe/simulation.py",
        "statfe/target.py"),
    8: ("statfe/report", "statfe/bench"),
    9: ("statfe/api.py", "statfe/doctor.py", "statfe/__init__.py"),
    10: ("cli/statfe_cli",),
}


def sources() -> list[Path]:
    """All Python files of the project itself."""
    return sorted(p.relative_to(ROOT) for top in ("statfe", "cli/statfe_cli") for p in (ROOT / top).rglob("*.py"))


@cache
def floor(path: Path) -> int | None:
    """Floor of a file; the longest entry of the table that it starts with."""
    found = [(len(place), n) for n, places in FLOORS.items() for place in places
             if path == Path(place) or Path(place) in path.parents]
    return max(found)[1] if found else None


def module_file(name: str) -> Path | None:
    """The file of a module of ours, or None for others."""
    parts = name.split(".")
    if parts[0] not in ("statfe", "statfe_cli"):
        return None
    base = Path(*parts) if parts[0] == "statfe" else Path("cli", *parts)
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if (ROOT / candidate).exists():
            return candidate
    return None


def imports(path: Path) -> list[tuple[int, str]]:
    """(line, module) of every import in a file, deferred ones too, but not those for type checkers alone."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    typing_only = {
        node for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)}
    found = []
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} relative import"
            module = node.module or ""
            for alias in node.names:
                inner = f"{module}.{alias.name}"
                found.append((node.lineno, inner if module_file(inner) else module))
    return found


def climbs(path: Path) -> list[str]:
    """Imports of `path` that go up, or from one method to another."""
    wrong = []
    for line, name in imports(path):
        target = module_file(name)
        if target is None or target == path:
            continue
        own, other = floor(path), floor(target)
        assert own is not None, path
        assert other is not None, target
        if other > own or _between_methods(path, target):
            wrong.append(f"{path}:{line} imports {name} (floor {own} from {other})")
    return wrong


def _between_methods(path: Path, target: Path) -> bool:
    rooms = Path("statfe/methods")
    return rooms in path.parents and rooms in target.parents and target.name != "__init__.py"


@pytest.mark.parametrize("path", sources(), ids=str)
def test_imports_go_down(path):
    assert climbs(path) == []


def test_every_file_has_a_floor_and_every_entry_a_place():
    assert [p for p in sources() if floor(p) is None] == []
    assert [place for places in FLOORS.values() for place in places if not (ROOT / place).exists()] == []


@pytest.mark.parametrize(("file", "line"), [
    ("statfe/stats.py", "def f():\n    from statfe.sampling import driver\n"),
    ("statfe/models/ising.py", "import statfe.registry\n"),
    ("statfe/methods/approximate/tap.py", "from statfe.methods.exact.tree import METHOD\n"),
    ("statfe/scoring/verdict.py", "from statfe import report\n"),
])
def test_the_floor_test_bites(file, line, monkeypatch):
    read = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda self, **k: line if self == ROOT / file else read(self, **k))
    assert len(climbs(Path(file))) == 1


def test_numba_is_imported_in_one_place_and_kernels_alone_use_it():
    for path in sources():
        names = {name for _, name in imports(path)}
        if any(n.split(".")[0] == "numba" for n in names):
            # Options of compilation stand in one place; vectors of lanes, atomic numbers and gemm need LLVM itself.
            low = [*(f"{kind}_vectors" for kind in ("lane", "bit", "product", "march")), "team", "matrix_products"]
            assert path in (Path("statfe/_jit.py"), *(Path(f"statfe/kernels/{name}.py") for name in low))
        if "statfe._jit" in names:
            others = (Path("statfe/doctor.py"), Path("statfe/store/unfinished.py"))  # they compile nothing
            # laws of motion are put into the loops of the kernels, one instance each
            puts = Path("statfe/attractors") in path.parents and "import instance" in (ROOT / path).read_text("utf-8")
            assert Path("statfe/kernels") in path.parents or path in others or puts, path


def test_kernels_draw_from_their_arguments_only():
    for path in sorted((ROOT / "statfe/kernels").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"np\.random|fastmath|\bglobal\b|open\(", text), path.name


def test_every_package_is_installed():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    listed = set(config["options"]["packages"].split())
    there = {".".join(p.parent.parts[p.parts.index("cli") + 1 if "cli" in p.parts else 0:])
             for p in sources() if p.name == "__init__.py"}
    assert listed == there
    unpackaged = {p.parent for p in sources()} - {p.parent for p in sources() if p.name == "__init__.py"}
    assert unpackaged == set()


def test_rooms_are_small():
    long = {str(p): n for p in sources() if (n := len((ROOT / p).read_text(encoding="utf-8").splitlines())) > 300}
    assert long == {}


def test_functions_are_short():
    long = []
    for path in sources():
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno > 75:
                long.append(f"{path}:{node.lineno} {node.name}")
    assert long == []


def test_architecture_has_the_same_floors():
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert len(page.splitlines()) <= 90
    for number, places in FLOORS.items():
        row = next(line for line in page.splitlines() if line.startswith(f"| {number} |"))
        named = set(re.findall(r"`([^`]+)`", row.split("|")[2]))
        short = {p.removeprefix("statfe/").removeprefix("cli/") for p in places}
        assert {n.rstrip("/") for n in named} == short, f"floor {number}"


def test_commands_and_methods_are_one_a_file():
    rooms = [p for p in sources() if Path("statfe/methods") in p.parents and p.name != "__init__.py"]
    assert all((ROOT / p).read_text(encoding="utf-8").count("METHOD = Method(") == 1 for p in rooms)
    shared = {"__init__", "__main__", "main", "output", "progress", "arguments", "disordered", "machine_output"}
    commands = [p for p in sources() if Path("cli/statfe_cli") in p.parents and p.stem not in shared]
    assert commands
    for path in commands:
        text = (ROOT / path).read_text(encoding="utf-8")
        found = re.findall(r"^@click\.(?:command|group)\(\"([a-z-]+)\"", text, re.MULTILINE)
        assert found == [path.stem.replace("_", "-")], path
