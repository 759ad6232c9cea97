"""The house: imports only go down, torch is lazy, only the faces read the environment."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = [
    {"app"}, {"ui", "__main__"}, {"readme", "exhibits"}, {"batch", "checkpoint"},
    {"evaluate", "worth"}, {"likeness", "painted", "repaired"}, {"bench"}, {"training"}, {"catalog"},
    {"cards"}, {"models", "pipelines"}, {"handwriting"}, {"procedural"}, {"solids", "damage"},
    {"optimise", "hub", "resample", "sheet", "drawings", "curves", "tiles", "losses", "metrics", "colours"},
    {"image"}, {"device", "controls"}, {"texts"}, {"imgen"},
]  # from the roof down
HEIGHT = {room: -n for n, rooms in enumerate(FLOORS) for room in rooms}
FILES = [ROOT / "app.py", *(ROOT / "imgen").rglob("*.py")]


def room(parts: tuple[str, ...]) -> str:
    return parts[1] if len(parts) > 1 and parts[0] == "imgen" and parts[1] in HEIGHT else parts[0]


def imports(path: Path) -> set[str]:
    """The rooms that a file imports from, deferred imports included, those for type checkers not."""
    tree, found = ast.parse(path.read_text(encoding="utf-8")), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            node.body.clear()
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {room(tuple(name.split("."))) for name in names if name.split(".")[0] == "imgen"}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_only_go_down(path):
    mine = room(path.relative_to(ROOT).with_suffix("").parts)
    for other in imports(path):
        assert other == mine or HEIGHT[other] < HEIGHT[mine], f"{mine} imports {other}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_the_faces_read_the_environment(path):
    if path.name not in ("app.py", "__main__.py", "bench.py"):  # bench hands its own on to a child
        assert "os.environ" not in path.read_text(encoding="utf-8") and "getenv" not in path.read_text(encoding="utf-8")


def test_only_the_page_knows_gradio():
    for path in FILES:
        if "ui" not in path.parts and path.name != "app.py":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            modules = {n.name for node in ast.walk(tree) if isinstance(node, ast.Import) for n in node.names}
            modules |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
            assert not any(m and m.split(".")[0] == "gradio" for m in modules), path


@pytest.mark.parametrize("module", ["imgen", "imgen.catalog", "imgen.__main__", "imgen.exhibits", "imgen.evaluate"])
def test_importing_needs_no_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_nothing_else_lies_at_the_top_level():
    allowed = {"app.py", "requirements.txt", "imgen", "weights", "tests", "README.md", "LICENSE", "pyproject.toml"}
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split("\n")
    top = {name.split("/")[0] for name in listed if name}
    assert {name for name in top if not name.startswith(".")} <= allowed
