"""What goes to and fro between the page and a child: frames of four bytes of length and as many bytes, JSON or raw."""

import json
from typing import IO, Any

LONGEST = 1 << 26  # bytes of a frame


def put(stream: IO[bytes], *frames: dict[str, Any] | bytes) -> None:
    """Raises OSError or ValueError if nobody reads any more."""
    for frame in frames:
        data = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
        stream.write(len(data).to_bytes(4, "big") + data)
    stream.flush()


def take(stream: IO[bytes]) -> bytes | None:
    """The next frame; None if there are no more, or the other side died in the middle of one."""
    head = stream.read(4)
    if len(head) < 4 or (length := int.from_bytes(head, "big")) > LONGEST:
        return None
    data = stream.read(length)
    return data if len(data) == length else None


def take_json(stream: IO[bytes]) -> dict[str, Any] | None:
    data = take(stream)
    return None if data is None else json.loads(data)
