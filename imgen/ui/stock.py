"""The files of the visitors: where they lie, whose they are, how long they stay.

One folder holds all that the page may serve or take back: what visitors uploaded, what was made for them, and copies of the
program's own pictures, so that no address tells where the program is installed.
"""

import errno
import os
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from uuid import uuid4

from gradio import route_utils, routes
from gradio.context import LocalContext
from gradio.utils import get_upload_folder

from imgen.controls import UserError

MAX_FILE = 64 * 2**20  # bytes of an uploaded file
KEEP_HOURS = 6
SHARE = 2 * 2**30  # bytes of what came from one address and was made for it: beyond, its oldest files go
TOTAL = 8 * 2**30  # and of all together
SHOWN = "shown"  # the folder in it that holds the program's own pictures
FULL = {errno.ENOSPC, errno.EDQUOT}
_owned: dict[str, dict[Path, int]] = defaultdict(dict)  # address -> its files, oldest first, and their bytes
_lock = threading.Lock()


def folder() -> Path:
    """Where Gradio serves files from."""
    return Path(get_upload_folder()).resolve()


class Parser(route_utils.GradioMultiPartParser):
    """Gradio's own leaves behind what it had written where a visitor hangs up in the middle."""

    async def parse(self):
        try:
            form = await super().parse()
            for _, file in form.multi_items():
                name = getattr(file, "filename", None)
                if name and Path(name).name in ("", ".", ".."):  # it would be refused later, and its bytes stay
                    setattr(file, "filename", "file")  # noqa: B010  of Starlette's, which does not say that it may be
            return form
        except BaseException:
            for file in self._files_to_close_on_error:
                file.close()
                Path(file.name).unlink(missing_ok=True)
            raise


route_utils.GradioMultiPartParser = routes.GradioMultiPartParser = Parser  # pyright: ignore[reportPrivateImportUsage]


def put(data: bytes, name: str) -> str:
    """-> the path of a new file.  Raises UserError disk_full."""
    return write(name, lambda path: path.write_bytes(data))


def write(name: str, fill: Callable[[Path], object]) -> str:
    """-> the path of a new file that `fill` has filled.  Raises UserError disk_full."""
    path = folder() / uuid4().hex / name  # a folder of its own makes it unique and leaves it a name that people can read
    try:
        path.parent.mkdir(parents=True)
        fill(path)
    except OSError as error:
        path.unlink(missing_ok=True)
        if error.errno not in FULL:
            raise
        raise UserError("disk_full") from None
    take_in(visitor_address(), [path])
    return str(path)


def staged(path: Path) -> Path:
    """A copy of one of the program's own pictures that the page may show."""
    target = folder() / SHOWN / path.parent.name / path.name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.{uuid4().hex}")  # another process may do the same
        shutil.copyfile(path, part)
        os.replace(part, target)
    return target


def visitor_address() -> str:
    request = LocalContext.request.get(None)
    return getattr(getattr(request, "client", None), "host", "")


def take_in(address: str, paths: Iterable[Path]) -> None:
    """Count new files to an address, and let its oldest go where they are more than its share."""
    with _lock:
        mine = _owned[address]
        for path in paths:
            if path.resolve().is_relative_to(folder()) and path.is_file():
                mine[path] = path.stat().st_size
        surplus = sum(mine.values()) - SHARE
        for path in list(mine):
            if surplus <= 0:
                break
            surplus -= mine.pop(path)
            path.unlink(missing_ok=True)


def files() -> Iterator[tuple[float, int, Path]]:
    """(time of its last change, bytes, path) of every file that may go."""
    kept = folder() / SHOWN
    for path in folder().rglob("*"):
        try:
            if path.is_file() and not path.is_symlink() and not path.is_relative_to(kept):
                facts = path.stat()
                yield facts.st_mtime, facts.st_size, path
        except OSError:
            pass  # another process was faster


def sweep(hours: float = KEEP_HOURS, most: int | None = None) -> None:
    """Delete what is older than that, then the oldest until all together are at most `most` bytes, and empty folders."""
    limit, found = time.time() - hours * 3600, sorted(files())
    surplus = sum(size for _, size, _ in found) - (TOTAL if most is None else most)
    for changed, size, path in found:
        if changed < limit or surplus > 0:
            path.unlink(missing_ok=True)
            surplus -= size
    for path in sorted(folder().rglob("*/"), reverse=True):
        try:
            if path.stat().st_mtime < limit:
                path.rmdir()
        except OSError:
            pass  # not empty, or gone
    with _lock:
        for address in list(_owned):
            _owned[address] = {path: size for path, size in _owned[address].items() if path.exists()}
            if not _owned[address]:
                del _owned[address]


def sweep_forever(pause: float = 300) -> threading.Thread:
    def work():
        while True:
            sweep()
            time.sleep(pause)

    thread = threading.Thread(target=work, name="sweep", daemon=True)
    thread.start()
    return thread
