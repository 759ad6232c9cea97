"""Hostile calls over the app's own schema: python tests/attack.py URL --calls 5000 --log LOG

Every function of the page is called, public and private, with values that no browser would send.  Nothing may come back but
results and sentences: no path, no traceback, no status of 500, and nothing of the files that the calls try to read.
"""

import argparse
import io
import json
import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

META = {"_type": "gradio.FileData"}
PATIENCE = 2.0  # seconds; then the caller hangs up
WORDS = (
    "", "0", "-1", "1e999", "nan", "Infinity", "../../etc/passwd", "\u202e", "<b>x</b>", "a" * 5000, "${value}", "\ud800", "心",
    "espcn_x4", "gatys", "resgan_flowers64", "nosuch", "all", "rose", "example=99", "?card=texture&example=-1", "card=&=",
)
EVENTS = (None, {"index": [3, 4]}, {"index": None}, {"index": [1e12, -4]}, {"index": 2}, {"preset": "example=9"}, [], 7, "x")
ELSEWHERE = ("/dev/zero", "/proc/self/environ", "http://127.0.0.1:9/x.png", "", "a\0b")
NUMBERS = (0, 1, -1, 2, 0.5, 7, 1e9, -1e300, 2**31, 2**64, int("9" * 400), 12_000, 1e-320)


def secret(folder: Path) -> Path:
    """A picture that is nobody's business."""
    path = folder / "secret.png"
    Image.fromarray(np.random.default_rng(5).integers(0, 256, (40, 56, 3), np.uint8)).save(path)
    return path


@dataclass
class Report:
    """What a run of hostile calls has found."""

    calls: int = 0
    answered: int = 0
    hung_up: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.calls} calls, {self.answered} answered, {self.hung_up} hung up, {len(self.faults)} faults"


class Attacker:
    """Calls of one seed against one server."""

    def __init__(self, url: str, targets: list[Path], seed: int = 0):
        """targets: files that must not be read; their names must not come back either, nor those of this repository."""
        self.url, self.random = url.rstrip("/") + "/", random.Random(seed)
        self.client = httpx.Client(timeout=60)
        config = self.client.get(self.url + "config").json()
        self.functions = [one for one in config["dependencies"] if one["backend_fn"]]
        self.kinds = {one["id"]: one["type"] for one in config["components"]}
        self.values = {one["id"]: one["props"].get("value") for one in config["components"]}
        root = Path(__file__).resolve().parent.parent
        self.targets = [*map(str, targets), str(root / "imgen" / "assets" / "readme.png"), str(root / "app.py"), "/etc/passwd"]
        self.names = {str(root), *(str(path.parent) for path in targets)}
        self.mine = self.upload(self.noise())

    def noise(self, side: int = 24) -> bytes:
        file = io.BytesIO()
        pixels = np.random.default_rng(self.random.randrange(2**32)).integers(0, 256, (side, side, 3), np.uint8)
        Image.fromarray(pixels).save(file, "PNG")
        return file.getvalue()

    def upload(self, data: bytes, name: str = "mine.png") -> str:
        return self.client.post(self.url + "gradio_api/upload", files={"files": (name, data)}).json()[0]

    def file(self) -> object:
        path = self.random.choice([self.mine, *self.targets, *ELSEWHERE])
        value = {"path": path}
        if self.random.random() < 0.5:
            value["meta"] = META
        if self.random.random() < 0.3:
            value |= {"url": self.random.choice(["javascript:alert(1)", "data:image/png;base64,AAAA", None]), "is_stream": True}
        return value

    def odd(self, level: int = 0) -> object:
        kind = self.random.randrange(8 if level < 4 else 5)
        if kind == 5:
            return [self.odd(level + 1) for _ in range(self.random.randrange(4))]
        if kind == 6:
            return {self.random.choice(["path", "image", "root", "value", "layers", "id"]): self.odd(level + 1)}
        if kind == 7:
            return self.file()
        return self.random.choice([None, True, self.random.choice(NUMBERS), self.random.choice(WORDS), self.random.choice(WORDS)])

    def value(self, component: int) -> object:
        """Mostly of the right kind, for what is wrong at first sight comes no further."""
        kind, luck = self.kinds.get(component), self.random.random()
        if luck < 0.25:
            return self.odd()
        if luck < 0.45:
            return self.values.get(component)
        if kind in ("image", "downloadbutton", "uploadbutton"):
            return self.file()
        if kind == "gallery":
            return [{"image": self.file(), "caption": self.random.choice([None, "x"])} for _ in range(self.random.randrange(5))]
        if kind == "file":
            return [self.file() for _ in range(self.random.randrange(4))]
        if kind == "imageeditor":
            return {"background": self.file(), "layers": [self.file()], "composite": None, "id": self.random.choice([None, "x"])}
        if kind in ("slider", "number"):
            return self.random.choice(NUMBERS)
        return self.random.choice(WORDS)

    def usual(self, component: int) -> object:
        kind, value = self.kinds.get(component), self.values.get(component)
        picture = {"path": self.mine, "meta": META}
        if value is None and kind in ("image", "downloadbutton", "uploadbutton"):
            return picture
        return [{"image": picture, "caption": None}] if value is None and kind == "gallery" else value

    def body(self, function: dict) -> dict:
        data = [self.value(component) for component in function["inputs"]]
        if self.random.random() < 0.6:  # all but one as the page has them
            kept = self.random.randrange(len(data) + 1)
            data = [value if n == kept else self.usual(component) for n, (value, component) in
                    enumerate(zip(data, function["inputs"], strict=True))]
        if self.random.random() < 0.05:
            data = data[:-1] if self.random.random() < 0.5 else [*data, None]
        event = self.random.choice(EVENTS)
        body = {"data": data, "fn_index": function["id"], "event_data": event, "trigger_id": self.random.choice([None, 1, 10**9])}
        return body | {"session_hash": f"attack{self.random.randrange(10**9)}"}

    def post(self, route: str, body: dict) -> httpx.Response:
        text = json.dumps(body, ensure_ascii=True)
        return self.client.post(self.url + route, content=text, headers={"content-type": "application/json"})

    def once(self) -> tuple[str, str]:
        """One call -> (what it was, all that came back); "" for a caller who hung up."""
        function = self.random.choice(self.functions)
        body, way = self.body(function), self.random.choice(("run", "join", "join", "call"))
        call = f"{way} {function['api_name'] or function['id']} {json.dumps(body)[:600]}"
        if way == "run":
            answer = self.post("gradio_api/run/predict", body)
            return call, f"{answer.status_code} {answer.text}"
        if way == "call" and function["api_name"]:
            answer = self.post(f"gradio_api/call/{function['api_name']}", {"data": body["data"]})
            follow = f"gradio_api/call/{function['api_name']}/{{event_id}}"
        else:
            answer = self.post("gradio_api/queue/join", body)
            follow = f"gradio_api/queue/data?session_hash={body['session_hash']}"
        if answer.status_code != 200:
            return call, f"{answer.status_code} {answer.text}"
        return call, self.listen(self.url + follow.format(**answer.json()))

    def listen(self, address: str) -> str:
        said, until = "", time.monotonic() + PATIENCE
        with self.client.stream("GET", address) as stream:
            for line in stream.iter_lines():
                said += line + "\n"
                if "process_completed" in line or "event: complete" in said or "event: error" in said and line.startswith("data"):
                    return said
                if time.monotonic() > until:
                    return ""
        return said

    def close(self) -> None:
        self.client.close()

    def run(self, calls: int) -> Report:
        report = Report()
        for _ in range(calls):
            report.calls += 1
            try:
                call, said = self.once()
            except httpx.HTTPError as error:
                report.faults.append(f"{error!r}")
                continue
            report.answered += bool(said)
            report.hung_up += not said
            wrong = [name for name in self.names if name in said]
            wrong += [word for word in ("Traceback", "our side", "程序内部", "? × ?") if word in said]
            if said.startswith("500") or wrong:
                report.faults.append(f"{wrong} {call}\n    -> {said[:600]}")
        return report


def served(folder: Path, secret_picture: Path) -> list[Path]:
    """Files below the server's folder that show the secret."""
    wanted, found = np.asarray(Image.open(secret_picture)), []
    for path in folder.rglob("*.png"):
        if not path.is_file() or path.is_symlink():
            continue
        try:
            pixels = np.asarray(Image.open(path).convert("RGB"))
        except OSError:
            continue
        step_y, step_x = (max(1, round(a / b)) for a, b in zip(pixels.shape, wanted.shape[:2], strict=False))
        small = pixels[step_y // 2 :: step_y, step_x // 2 :: step_x][: wanted.shape[0], : wanted.shape[1]]
        if small.shape == wanted.shape and small.std() and np.corrcoef(small.ravel(), wanted.ravel())[0, 1] > 0.5:
            found.append(path)
    return found


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("url")
    options.add_argument("--calls", type=int, default=5000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--log", type=Path)
    given = options.parse_args()
    from tempfile import mkdtemp

    began = time.time()
    result = Attacker(given.url, [secret(Path(mkdtemp(prefix="secret-")))], given.seed).run(given.calls)
    print("\n".join(result.faults), result, f"{time.time() - began:.0f} s", sep="\n")
    if given.log:
        print("tracebacks in the log:", given.log.read_text().count("Traceback"))
    sys.exit(bool(result.faults))
