"""What other programs do with imgen, from a folder that is not the repository: every example of both READMEs as it is written,
each endpoint of a room, and the tools of an assistant.
"""

import base64
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from test_doors import Server, png

from imgen.exhibits.readme import READMES
from imgen.image import decode

pytestmark = pytest.mark.slow  # programs of their own
ROOT = Path(__file__).parent.parent
PORT = "http://127.0.0.1:7860"  # where the READMEs' app is
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INSTALLING = "pip install"  # the two that begin with nothing: .ci/run runs the second; the first installs likewise, and starts
NEEDED = {"python -m imgen upscale": "spandrel"}  # lines that need a package that is not among ours
# Lines that start what stays, at ports that may be taken, or need it: `test_proxy` and `test_remote` do the same at others.
STAYING = re.compile("python app.py|ray start|--ray")
# `python` for the examples: a process that has imported everything once, and is copied for each command.
NURSERY = """
import os, runpy, socket, sys, warnings
import imgen.__main__, imgen.calling, imgen.lab.run, imgen.evaluation.scores, torch, gradio_client
torch.set_num_threads(1)
door = socket.socket(fileno=int(sys.argv[1]))
print("ready", flush=True)
while True:
    line, _ = door.accept()
    said, files, _, _ = socket.recv_fds(line, 65536, 3)
    if os.fork() == 0:
        for number, file in enumerate(files):
            os.dup2(file, number)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)
        folder, *arguments = said.decode().split("\\0")
        os.chdir(folder)
        code = 0
        try:
            sys.path.insert(0, folder)
            if arguments[0] == "-m":
                sys.argv = arguments[1:]
                runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
            else:
                sys.argv = arguments
                runpy.run_path(arguments[0], run_name="__main__")
        except SystemExit as end:
            code = end.code or 0
        except BaseException:
            import traceback
            traceback.print_exc()
            code = 1
        sys.stdout.flush(), sys.stderr.flush()
        line.send(bytes([code]))
        os._exit(0)
    for file in files:
        os.close(file)
    line.close()
"""
SHIM = """#!{python} -SE
import os, socket, sys
line = socket.socket(socket.AF_UNIX)
line.connect({door!r})
socket.send_fds(line, ["\\0".join([os.getcwd(), *sys.argv[1:]]).encode()], [0, 1, 2])
sys.exit((line.recv(1) or b"\\1")[0])
"""


def blocks(language: str) -> list[tuple[str, str]]:
    """(kind, code) of each example; what comes after a # of a shell or of Python is for people."""
    return [(kind, code) for kind, code in BLOCK.findall(READMES[language].read_text(encoding="utf-8"))]


def bare(code: str) -> str:
    return re.sub(r"[ \t]+(#|//) .*$", "", code, flags=re.MULTILINE)


EXAMPLES = [(kind, code) for kind, code in blocks("en") if INSTALLING not in bare(code)]


def named(example: tuple[str, str]) -> str:
    return f"{example[0]}: {example[1].strip().splitlines()[0][:40]}"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.close()
    assert "Traceback" not in server.log.read_text()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """With all that the examples name."""
    folder = tmp_path_factory.mktemp("elsewhere")
    random = np.random.default_rng(0)
    waves = np.sin(np.arange(64) / 5)[:, None] * np.cos(np.arange(80) / 7)[None]
    photo = (127 + 60 * waves[..., None] + random.normal(0, 20, (64, 80, 3))).clip(0, 255).astype(np.uint8)
    for name in ("photo.jpg", "photo.png", "art.jpg", "other.jpg", "one.png", "two.png", "three.png", "shirt.png"):
        Image.fromarray(photo).save(folder / name)
    (folder / "photos").mkdir()
    for n in range(2):
        Image.fromarray(np.kron(photo, np.ones((4, 4, 1), np.uint8))[:192, :192]).save(folder / "photos" / f"{n}.png")
    mask = np.zeros((64, 80), np.uint8)
    mask[20:30, 30:50] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    if found("spandrel"):
        from safetensors.torch import save_file

        from imgen.models.rrdbnet import RRDBNet

        save_file(RRDBNet(blocks=1, width=16, growth=8).state_dict(), folder / "net.safetensors")
    return folder


@pytest.fixture(scope="module")
def shell(folder):
    """Runs lines of bash there."""
    tools = folder / "bin"
    tools.mkdir()
    door = str(tools / "door")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(door)
        listening.listen()
        env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "LANG": "en_US.UTF-8"}
        number = listening.fileno()
        nursery = subprocess.Popen([sys.executable, "-c", NURSERY, str(number)], pass_fds=[number], env=env, cwd=folder,
                                   stdout=subprocess.PIPE)
        assert nursery.stdout.readline() == b"ready\n"
        (tools / "python").write_text(SHIM.format(python=sys.executable, door=door))
        (tools / "python").chmod(0o755)

        def run(code: str) -> subprocess.CompletedProcess:
            path = {**env, "PATH": f"{tools}:{os.environ['PATH']}"}
            return subprocess.run(["bash", "-euo", "pipefail", "-c", code], cwd=folder, env=path, capture_output=True, text=True,
                                  timeout=400)

        yield run
        nursery.kill()
        nursery.wait()
        nursery.stdout.close()


def test_both_readmes_have_the_same_examples():
    english, chinese = ([(kind, bare(code)) for kind, code in blocks(language)] for language in ("en", "zh"))
    assert english == chinese
    assert sum(INSTALLING in code for _, code in english) == 2 and len(EXAMPLES) >= 9


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
def test_an_example_runs_as_it_is_written(example, shell, folder, request):
    kind, code = example
    if PORT in code:
        code = code.replace(PORT, request.getfixturevalue("server").url.rstrip("/"))
    if kind == "python":
        (folder / "example.py").write_text(code)
        done = shell("python example.py")
        assert done.returncode == 0 and not done.stderr.count("Traceback"), done.stderr
    elif kind == "js":
        javascript(code + "if (!file.url.endsWith('.png') || made.card !== 'espcn_x4') throw file;\n", folder)
    elif "curl" in code:
        if not shutil.which("curl"):
            pytest.skip("no curl here")
        (folder / "large.png").unlink(missing_ok=True)
        done = shell(code)
        assert done.returncode == 0 and decode(folder / "large.png").pixels.shape == (256, 320, 3), done
    else:
        for line in code.splitlines():
            missing = [package for start, package in NEEDED.items() if line.startswith(start) and not found(package)]
            if missing:
                print(f"not run, for {missing[0]} is not installed: {line}")
                continue
            if STAYING.search(line):
                continue
            if "&& nginx" in line:
                if not shutil.which("nginx"):
                    pytest.skip("no nginx here")
                line += " -t"  # what it would do, but for staying
            done = shell(line)
            assert done.returncode == 0, (line, done.stderr)
            for name in re.findall(r"-o (\S+)", bare(line)):
                assert (folder / name).exists(), line


def found(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package) is not None


def javascript(code: str, folder: Path) -> None:
    """IMGEN_NODE_MODULES: a node_modules that holds @gradio/client, if none is found from here."""
    modules = Path(os.environ.get("IMGEN_NODE_MODULES", ROOT / "node_modules"))
    if not shutil.which("node"):
        pytest.skip("no node here")
    if not (modules / "@gradio" / "client").exists():
        pytest.skip("npm install @gradio/client somewhere, and name its node_modules in IMGEN_NODE_MODULES")
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(modules)
    (folder / "example.mjs").write_text(code + "process.exit(0);\n")
    done = subprocess.run(["node", "example.mjs"], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def client(server):
    from gradio_client import Client

    return Client(server.url, verbose=False, download_files=False)


@pytest.fixture(scope="module")
def given(folder):
    from gradio_client import handle_file

    return handle_file(folder / "photo.png")


def opened(file: dict) -> np.ndarray:
    return decode(Path(file["path"])).pixels


def test_upscalers_are_compared(client, given, folder):
    shown, made = client.predict(picture=given, cards=["nearest", "bicubic"], truth="bicubic", api_name="/compare")
    assert [one["caption"] for one in shown] == ["truth", "bicubic", "nearest"]  # in the order of the catalog
    truth, better, plain = (opened(one["image"]).astype(float) for one in shown)
    assert (truth == decode(folder / "photo.png").pixels).all()
    psnr = {one["card"]: one["psnr"] for one in made["cards"]}
    assert psnr["bicubic"] > psnr["nearest"] and np.square(truth - better).mean() < np.square(truth - plain).mean()


def test_generators_are_compared(client):
    shown, made = client.predict(cards=["mlp_gan_fashion28", "mlp_vae_fashion28"], seed=5, api_name="/compare_generators")
    assert [one["card"] for one in made["cards"]] == ["mlp_vae_fashion28", "mlp_gan_fashion28"] and len(shown) == 20
    alone, _ = client.predict(card="mlp_vae_fashion28", count=1, seed=5, api_name="/generate")
    assert (opened(alone[0]["image"]) == opened(shown[0]["image"])).all()


def test_a_picture_is_spoiled_and_repaired(client, given, folder):
    cards = ["light_restore", "diffusion_fill"]
    shown, made = client.predict(picture=given, damage="words", amount=20, cards=cards, api_name="/spoil_and_repair")
    pictures = {one["caption"]: opened(one["image"]) for one in shown}
    hole = pictures["mask"][..., 0] > 0
    whole = decode(folder / "photo.png").pixels
    assert (pictures["spoiled"][~hole] == whole[~hole]).all() and (pictures["spoiled"][hole] == 255).all()
    filled = {one["card"]: one for one in made["cards"]}
    assert filled["diffusion_fill"]["psnr"] > made["spoiled"]["psnr"]
    shown, made = client.predict(picture=given, damage="noise", cards=["diffusion_fill"], api_name="/spoil_and_repair")
    assert "mask" in made["cards"][0]["error"]  # there are no holes


def test_rooms_of_a_latent_space(client, given):
    from gradio_client import handle_file

    drawn, _ = client.predict(card="dcgan_fashion28", count=3, seed=1, api_name="/generate")
    pictures = [{"image": handle_file(one["image"]["path"]), "caption": None} for one in drawn]
    film, made = client.predict(pictures=pictures, steps=2, api_name="/film")
    with Image.open(film["path"]) as frames:
        assert frames.n_frames == made["pictures"] == 6
    total, made = client.predict(pictures=pictures, api_name="/combine")
    assert opened(total).shape == (28, 28, 1) and made == {"card": "dcgan_fashion28"}
    still, _ = client.predict(picture=pictures[0]["image"], amounts=[0], api_name="/steer")
    moved, made = client.predict(picture=pictures[0]["image"], amounts=[3, -1], api_name="/steer")
    assert (opened(still[0]["image"]) == opened(drawn[0]["image"])).mean() > 0.9  # float32 and bfloat16 may differ by a level
    assert (opened(moved[0]["image"]) != opened(still[0]["image"])).any() and made["amounts"] == [3, -1]
    near, made = client.predict(card="mlp_vae_fashion28", picture=given, label="bag", api_name="/find")
    assert [one["caption"] for one in near] == ["seen", "drawn", "difference"] and made["class"] == "bag"
    sheet, made = client.predict(label="bag", x=0.5, y=0.5, api_name="/map")
    assert opened(sheet[0]["image"]).shape[0] == 17 * 28 and opened(sheet[1]["image"]).shape[:2] == (28, 28)


def test_a_network_is_opened(client, given):
    shown, made = client.predict(card="espcn_x4", picture=given, layer=1, channel=2, y=3, x=4, api_name="/inside")
    first = made["layers"][1]
    assert first["kind"] == "conv2d" and first["shape"][1] == 64 and made["totals"]["parameters"] == 24_752
    assert made["channels"] and made["value"] and opened(shown[0]["image"]).ndim == 3
    nothing, made = client.predict(card="dcgan_fashion28", knobs={"label": "bag", "seed": 3}, api_name="/inside")
    assert nothing == [] and made["card"] == "dcgan_fashion28"


def test_a_network_learns_and_comes_as_a_file(client):
    import imgen

    samples, net, made = client.predict(method="espcn", steps=12, seed=4, api_name="/train")
    assert made["step"] == made["kept"] == 12 and made["setup"]["seed"] == 4 and made["scores"]["psnr"] > 5
    assert opened(samples).shape[2] == 3
    model = imgen.load(net["path"])
    assert model(np.zeros((8, 8, 3), np.uint8)).shape[0] == 8 * model.knobs["scale"]


@pytest.mark.parametrize(("endpoint", "arguments", "words"), [
    ("/compare", {"cards": []}, "upscaler"), ("/compare", {"cards": ["gatys"]}, "no model called gatys"),
    ("/compare", {"truth": "nosuch"}, "not a choice"), ("/spoil_and_repair", {"damage": "nosuch"}, "not a choice"),
    ("/spoil_and_repair", {"amount": 1e9}, "1 to 100"), ("/steer", {"amounts": [1e9]}, "from -4 to 4"),
    ("/steer", {"amounts": [0] * 9}, "understands"), ("/find", {"card": "draw_lines"}, "latent space"),
    ("/inside", {"card": "espcn_x4", "layer": 99}, "goes from"), ("/inside", {"card": "draw_lines"}, "network"),
    ("/map", {"label": "nosuch"}, "not a choice"), ("/train", {"method": "nosuch"}, "no method"),
    ("/train", {"method": "gan", "steps": 10**6}, "5000"), ("/train", {"method": "gan", "knobs": {"nosuch": 1}}, "no knob"),
    ("/train", {"method": "gan", "data": "own"}, "own"),
])
def test_what_a_room_cannot_do_is_one_sentence(client, given, endpoint, arguments, words):
    takes = client.view_api(return_format="dict", print_info=False)["named_endpoints"][endpoint]["parameters"]
    picture = {"picture": given} if any(one["parameter_name"] == "picture" for one in takes) else {}
    with pytest.raises(Exception, match=words):
        client.predict(**picture, **arguments, api_name=endpoint)


def test_what_an_endpoint_says_of_itself_speaks_of_nothing_that_only_the_page_has(client):
    told = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    for name, one in told.items():
        about = one["description"]
        assert about.endswith(".") and not re.search(r"slider|pointer|\bdrag|click|\btap\b", about, re.IGNORECASE), name


# Tools of an assistant.
def test_an_assistant_without_its_package_is_told_what_to_install(tmp_path):
    if found("mcp"):
        pytest.skip("the package is there")
    asked = {**os.environ, "IMGEN_MCP": "1", "LANG": "en_US.UTF-8", "LC_ALL": "en_US.UTF-8"}
    command = [sys.executable, str(ROOT / "app.py")]
    done = subprocess.run(command, cwd=tmp_path, env=asked, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "pip install" in done.stderr and "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def assistant(tmp_path_factory):
    """Calls a tool of a real server as an assistant does -> its answer; of no tool the list of all."""
    pytest.importorskip("mcp", reason='pip install "gradio[mcp]" to try the tools')
    import anyio
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    server = Server(tmp_path_factory.mktemp("tools"), IMGEN_MCP="1")

    async def asked(name: str, arguments: dict):
        address = f"{server.url}gradio_api/mcp/"
        async with streamablehttp_client(address) as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            return await session.call_tool(name, arguments) if name else (await session.list_tools()).tools

    def ask(name: str = "", **arguments):
        return anyio.run(asked, name, arguments)

    ask.server = server
    yield ask
    server.close()


def sent(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def told(answer) -> str:
    assert answer.isError
    return answer.content[0].text


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
class TestAssistant:
    def test_each_endpoint_is_a_tool_that_says_what_its_parameters_may_be(self, assistant):
        tools = {tool.name: tool for tool in assistant()}
        assert {*tools} == {*assistant.server.parameters}
        upscale = tools["upscale"].inputSchema
        assert upscale["required"] == ["picture"] and "espcn_x4" in upscale["properties"]["card"]["description"]
        for tool in tools.values():
            assert tool.description and all(one["description"] for one in tool.inputSchema["properties"].values()), tool.name
        assert "required" not in tools["generate"].inputSchema

    def test_a_picture_goes_in_and_comes_out(self, assistant):
        answer = assistant("upscale", card="nearest", picture=sent(png()), scale=2)
        image, address, made = answer.content
        given = np.asarray(Image.open(io.BytesIO(png())))
        assert (decode(base64.b64decode(image.data)).pixels == given.repeat(2, 0).repeat(2, 1)).all()
        assert json.loads(made.text)["knobs"]["scale"] == 2 and image.mimeType == "image/png"
        again = assistant("upscale", card="nearest", picture=address.text, scale=2)  # what it made may be used further
        assert decode(base64.b64decode(again.content[0].data)).width == 4 * given.shape[1]

    def test_masks_and_galleries_are_told_as_pictures_too(self, assistant):
        mask = io.BytesIO()
        Image.fromarray(np.kron(np.eye(2), np.ones((12, 12))).astype(np.uint8) * 255).save(mask, "PNG")
        filled = assistant("restore", card="diffusion_fill", picture=sent(png()), mask=sent(mask.getvalue()))
        assert not filled.isError and filled.content[0].type == "image"
        drawn = assistant("generate", card="dcgan_fashion28", count=2, seed=1).content
        pictures = [f"data:image/png;base64,{one.data}" for one in drawn if one.type == "image"]
        film = assistant("film", pictures=pictures, steps=2)
        assert film.content[0].mimeType == "image/webp"

    def test_no_file_and_no_address_of_others_is_read(self, assistant, tmp_path):
        (tmp_path / "secret.png").write_bytes(png())
        ours = f"{assistant.server.url}gradio_api/file={tmp_path}/secret.png"
        others = ("http://127.0.0.1:9/x.png", "/etc/passwd", "file:///etc/passwd", "data:image/png;base64,AA")
        for path in (str(tmp_path / "secret.png"), ours, *others):
            words = told(assistant("upscale", card="nearest", picture=path))
            assert "Only files" in words or "not a picture" in words, (path, words)

    def test_what_is_wrong_is_one_sentence(self, assistant):
        assert told(assistant("upscale", card="nosuch", picture=sent(png()))).startswith("There is no model called nosuch")
        assert "no knob called nosuch" in told(assistant("generate", nosuch=1))
        assert assistant.server.get("gradio_api/mcp/sse").status_code == 404  # the older way is closed

    def test_a_hundred_thousand_empty_pictures_are_refused_before_any_is_written(self, assistant):
        """700 kB of "data:," froze the server for minutes."""
        held = [*assistant.server.files.iterdir()]
        began = time.monotonic()
        assert "not one that the page understands" in told(assistant("film", pictures=["data:,"] * 100_000))
        assert time.monotonic() - began < 10 and [*assistant.server.files.iterdir()] == held

    def test_no_page_repeats_its_address_as_a_script(self, assistant):
        for path in ("mcp/</script><script>alert(1)</script>/gradio_api/mcp", "mcp/http", "mcp//</script>/gradio_api/mcp/"):
            answer = assistant.server.get(f"gradio_api/{path}")
            assert answer.status_code == 404 and "script" not in answer.text, path

    def test_an_assistant_writes_no_line_of_the_log(self, assistant):
        told(assistant("nosuch\nforged line"))
        request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": 7, "arguments": ["forged line"]}}
        headers = {"accept": "application/json, text/event-stream"}
        answer = httpx.post(f"{assistant.server.url}gradio_api/mcp/", json=request, headers=headers)
        assert "Invalid request" in answer.text and "forged" not in assistant.server.log.read_text()

    def test_what_is_of_a_wrong_kind_is_one_sentence_that_does_not_repeat_it(self, assistant):
        words = told(assistant("film", pictures=sent(png())))
        assert words.startswith("This request") and "data:" not in words


def test_without_being_asked_no_tools_are_served(server):
    assert server.get("gradio_api/mcp/").status_code == 404
    assert server.get("gradio_api/mcp/schema").status_code == 404
