"""The house: imports only go down, torch is lazy, only the faces read the environment."""

import ast
import subprocess
import sys
import tomllib
from glob import glob
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = [  # from the roof down; a room sees what is below, and in its own floor what stands behind a ">" after it
    "app", "__main__ > terminal > doctor > serving > page > tabs > ui", "downloads", "calling > exhibits > lab",
    "evaluation | inspection", "training | exporting",
    "remote > catalog | batch > place | checkpoint",
    "cards > loader", "models | pipelines", "drawing | functional", "image > decoding | hub > proxies",
    "watching > controls > texts | facts | device | settings",
]
SEEN: dict[str, set[str]] = {}
for floor in reversed(FLOORS):
    below = {"imgen", *SEEN}
    for row in floor.split(" | "):
        rooms = row.split(" > ")
        SEEN |= {room: below | set(rooms[n:]) for n, room in enumerate(rooms)}
TORCHLESS = (
    "imgen", "imgen.catalog", "imgen.__main__", "imgen.exhibits.files", "imgen.evaluation.scores", "imgen.inspection",
    "imgen.lab.job", "imgen.calling",
)
FILES = [ROOT / "app.py", *(ROOT / "imgen").rglob("*.py")]


def room(parts: tuple[str, ...]) -> str:
    return parts[1] if len(parts) > 1 and parts[0] == "imgen" and parts[1] in SEEN else parts[0]


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
    assert imports(path) <= SEEN.get(mine, {"imgen"} | set(SEEN)), mine


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_the_faces_read_the_environment(path):
    hands_on = "speed.py"  # to a child
    if path.name not in ("app.py", "__main__.py", hands_on) and "terminal" not in path.parts:
        assert "os.environ" not in path.read_text(encoding="utf-8") and "getenv" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_device_chooses_a_short_precision(path):
    """Where it is emulated it is slow: all others ask `fast_dtype` or `mixed_precision`.  Switching it off is free."""
    if path.name != "device.py":
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.Attribute) and node.attr == "bfloat16"), node.lineno
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "autocast":
                assert "enabled=False" in ast.unparse(node), node.lineno


def test_only_the_page_knows_gradio():
    for path in FILES:
        if not {"ui", "tabs"} & set(path.parts) and path.name not in ("app.py", "page.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            modules = {n.name for node in ast.walk(tree) if isinstance(node, ast.Import) for n in node.names}
            modules |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
            assert not any(m and m.split(".")[0] == "gradio" for m in modules), path


@pytest.mark.parametrize("module", TORCHLESS)
def test_importing_needs_no_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_nothing_else_lies_at_the_top_level():
    allowed = {"app.py", "requirements.txt", "imgen", "weights", "tests", "README.md", "LICENSE", "pyproject.toml"}
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split("\n")
    top = {name.split("/")[0] for name in listed if name}
    assert {name for name in top if not name.startswith(".")} <= allowed


def test_an_installed_package_has_every_room_and_the_weights():
    """By the list in pyproject.toml: the folder of weights lies beside the package; and what stands in the rooms besides code."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    rooms = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "imgen").rglob("__init__.py")}
    assert set(settings["packages"]) == rooms | {"imgen.weights"} and settings["package-dir"] == {"imgen.weights": "weights"}
    globs = settings["package-data"]["imgen"]
    taken = {path for pattern in globs for path in glob(pattern, root_dir=ROOT / "imgen", recursive=True)}
    listed = subprocess.run(["git", "ls-files", "imgen"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    assert {name.removeprefix("imgen/") for name in listed if not name.endswith(".py")} <= taken
