"""The run with which the room opens: a stored one, so that something moves before anybody has asked for anything."""

import base64
import io
import json
from pathlib import Path
from typing import Any

from PIL import Image

REPLAY = Path(__file__).parent.parent / "assets" / "replays" / "gan.json"
SETUP = {"method": "gan", "data": "shapes", "seed": 2, "steps": 900}
FRAMES = 36  # denser at the beginning, where most happens
SHORT = 3  # digits of a number that is only drawn
QUALITY = 40  # of WebP: noise, as there is at first, costs much


def write(path: Path = REPLAY) -> None:
    """Learn, and keep some of the moments."""
    from imgen.lab.run import Teaching
    from imgen.lab.setups import Setup

    setup = Setup.read(SETUP)
    teaching = Teaching(setup)
    wanted = sorted({round(setup.steps * (n / FRAMES) ** 1.7) for n in range(FRAMES + 1)})
    frames: list[dict[str, Any]] = []
    while True:
        if teaching.step in wanted:
            frames.append(short(teaching.moment()))
            frames[-1]["samples"]["png"] = smaller(frames[-1]["samples"]["png"])
        if teaching.step == setup.steps:
            break
        teaching.advance()
    for frame in frames:
        frame["seconds"] = round(20 * frame["step"] / setup.steps, 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    said = {"setup": setup.but(steps=0).written(), "frames": frames}
    path.write_text(json.dumps(said, separators=(",", ":")) + "\n", encoding="utf-8")


def smaller(url: str) -> str:
    head, _, data = url.partition(",")
    image, file = Image.open(io.BytesIO(base64.b64decode(data))), io.BytesIO()
    image.save(file, "WEBP", quality=QUALITY, method=6)
    return f"{head},{base64.b64encode(file.getvalue()).decode()}"


def short(value: Any) -> Any:
    match value:
        case dict():
            return {name: short(one) for name, one in value.items()}
        case list():
            return [short(one) for one in value]
        case float():
            return float(f"{value:.{SHORT}g}")
    return value
