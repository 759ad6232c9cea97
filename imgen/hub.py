"""Where weights come from: bundled, else cached, else the Hub, else a mirror, else one UserError that says what to do.

Every file is held to its sha256 before anyone loads it: to the one that stands in the program; else to the one that it had when
it was first brought here, which the cache remembers; at that first time to the one that the Hub declares.  Nothing here reads
the environment; a face hands it to `settle`.

The keys of UserError: weights_offline, weights_proxy, weights_not_found, weights_denied, weights_server (fact: status),
weights_timeout, weights_cut_off, weights_altered, weights_disk_full, weights_cache_read_only; facts of all: file, repository.
"""

import atexit
import errno
import functools
import hashlib
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

from imgen import proxies
from imgen.controls import UserError

project_repository = "imgen/weights"  # an example, until somebody owns one: IMGEN_HUB_REPO names another
project_revision = "main"  # the commit, once `take_snapshot` knows it
package = Path(__file__).resolve().parent
bundled = next(filter(Path.is_dir, (package.parent / "weights", package / "weights")), package / "weights")  # repository, wheel
cache: Path | None = None  # None: huggingface_hub's own folder
others: tuple[Path | None, ...] = ()  # caches that are looked into, too
snapshot: Path | None = None  # facts and figures of the project's repository, where `bundled` has none
endpoint: str | None = None  # None: huggingface_hub's own, which heeds HF_ENDPOINT
mirror: str | None = None  # a second endpoint, for when the Hub does not answer or sends wrong bytes
patience = 5.0  # seconds that a server may take to say what it has
elsewhere = True  # whether what the cache refuses may lie in a temporary folder: not where a folder is to be filled

OFFICIAL = "https://huggingface.co"  # the only server that may see a token
LOCKS = "imgen-sha256"  # folder in a cache: what each file had when it was first brought here
FACTS = (".json", ".webp")  # of the project's repository: what the page is built from, and pictures of trainings
WHOLE = ".imgen-whole"  # lies in a snapshot of which nothing is missing
ANOTHER_SERVER = {"weights_offline", "weights_proxy", "weights_server", "weights_timeout", "weights_cut_off", "weights_altered"}
ANOTHER_FOLDER = {"weights_disk_full", "weights_cache_read_only"}
NO_ADDRESS = {"InvalidURL", "UnsupportedProtocol"}  # HF_ENDPOINT or IMGEN_MIRROR is none
LARGE = 16 << 20  # bytes of a file of which a part is kept where its download ends early
MOST_FACTS = 64 << 20  # bytes of one file of facts
NAME = re.compile(r"[0-9A-Za-z][\w.+=-]{0,199}", re.ASCII)  # what a server says that names a file: no way to another folder


@dataclass(frozen=True)
class WeightFile:
    """Where one file of weights comes from."""

    repository: str
    file: str
    revision: str  # a commit sha, which needs no network once cached; "main" for the project's own
    sha256: str | None  # None: the one that the Hub declares
    size: int  # bytes, for the progress bar: nearly
    dataset: bool = False  # pictures to learn from, in a repository of data sets: no weights

    def __post_init__(self):
        pinned_pickle = self.file.endswith(".pt") and self.sha256  # a third party's, of whom nothing better is to be had
        known = self.file.endswith(".parquet" if self.dataset else ".safetensors") or pinned_pickle
        assert known, f"safetensors, or a .pt of a known sha256: {self.file}"

    @property
    def kind(self) -> str:
        """Of its repository, as huggingface_hub says it."""
        return "dataset" if self.dataset else "model"


def find(w: WeightFile) -> Path | None:
    """The file, bundled or cached, if it is whole; never touches the network.

    Raises UserError weights_altered if the bundled file is damaged and the cache has no good one.  A file whose sha256
    is not known beforehand is never taken from the bundled ones.
    """
    ours = bundled / w.file
    if w.sha256 and _matches(ours, w.sha256):
        return ours
    for folder in (cache, *others, *_spares):
        if path := cached(w, folder):
            return path
    if w.sha256 and ours.exists():
        raise UserError("weights_altered", file=w.file, repository=w.repository)
    return None


def cached(w: WeightFile, folder: Path | None) -> Path | None:
    """The file in a folder of the cache's layout (None: the usual one), if it is whole."""
    path = _cached(w, folder)
    return path if path and _matches(path, _promised(w, path, folder)) else None


def fetch(w: WeightFile, deadline: float = 600.0) -> Generator[tuple[int, int], None, Path]:
    """`find`, else download: yields (bytes done, bytes in all) five times a second, returns the Path.

    All who want one file watch one download in a thread of its own.  Closing the generator only stops the watching.
    `deadline`: seconds until weights_timeout, whatever the server does.  Raises UserError.
    """
    until, damaged = time.monotonic() + deadline, None
    try:
        if path := find(w):
            return path
    except UserError as error:  # a download can replace a damaged bundled file
        damaged = error
    download = _join(w, until)
    while download.is_alive():
        left = until - time.monotonic()
        if left <= 0:
            raise damaged or UserError("weights_timeout", file=w.file, repository=w.repository)
        yield download.bytes, w.size
        download.join(min(0.2, left))
    if download.error:
        raise (damaged or download.error).with_traceback(None) from None
    assert download.path is not None, "it ended without an error"
    return download.path


def take_snapshot(known: Callable[[Path], object]) -> None:
    """Facts and figures of the project's repository, for a program without any: what `publish` put there.

    From the Hub if that answers, else as they were the last time.  Weights follow one by one, of the same commit, when somebody
    wants them.  known: reads a json, and raises ValueError if it is none of ours.  Raises UserError with the keys of a download.
    """
    global snapshot, project_revision
    try:
        folder = _snapshot_of(project_repository)
    except Exception as error:
        cause, folder = _failure(error, "*.json", project_repository), _latest(project_repository)
        if folder is None or not isinstance(cause, UserError):
            raise cause from None
    for path in sorted(folder.glob("*.json")):
        try:
            known(path)
        except (ValueError, TypeError):
            raise UserError("weights_altered", file=path.name, repository=project_repository) from None
    snapshot, project_revision = folder, folder.name


def _snapshot_of(repository: str) -> Path:
    library, server = _library(), (endpoint or _library().constants.ENDPOINT).rstrip("/")
    if proxies.kind_of(server) in proxies.unreachable:
        raise UserError("weights_proxy", file="*.json", repository=repository)
    token = None if server == OFFICIAL else False
    info = library.HfApi(endpoint=server, token=token).repo_info(repository, timeout=patience)
    names = [one.rfilename for one in info.siblings if NAME.fullmatch(one.rfilename) and one.rfilename.endswith(FACTS)]
    if not NAME.fullmatch(info.sha or ""):
        raise UserError("weights_not_found", file="*.json", repository=repository)
    where = {"revision": info.sha, "cache_dir": cache, "endpoint": server, "token": token, "etag_timeout": patience}

    def bounded(**_) -> AbstractContextManager:
        left = MOST_FACTS

        def update(count: int) -> None:
            nonlocal left
            left -= count
            if left < 0:
                raise UserError("weights_altered", file="*.json", repository=repository)

        return nullcontext(SimpleNamespace(update=update))

    def bring(name: str) -> Path:
        return Path(library.hf_hub_download(repository, name, **where, tqdm_class=bounded))

    with ThreadPoolExecutor(8) as pool:
        folders = {path.parent for path in pool.map(bring, names)}
    if len(folders) != 1:
        raise UserError("weights_not_found", file="*.json", repository=repository)
    (folder,) = folders
    (folder / WHOLE).touch()
    return folder


def _latest(repository: str) -> Path | None:
    """The newest snapshot in the cache that is whole."""
    home = Path(cache or _library().constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}" / "snapshots"
    folders = [path for path in home.glob("*") if (path / WHOLE).exists()]
    return max(folders, key=lambda path: (path / WHOLE).stat().st_mtime, default=None)


def ask(w: WeightFile) -> None:
    """Whether the Hub, or the mirror, would send it now.  Raises UserError as a download does."""
    library, first = _library(), None
    for server in filter(None, (endpoint or library.constants.ENDPOINT, mirror)):
        try:
            _declared(w, server.rstrip("/"))
        except Exception as error:
            first = first or _told(error, w, server)
        else:
            return
    assert first is not None, "the Hub is asked in any case"
    raise first


def settle(environment: MutableMapping[str, str], *own: str) -> None:
    """The settings of this module from the environment: IMGEN_HUB_REPO, IMGEN_MIRROR, proxies.  own: more names of this machine.

    HF_ENDPOINT, HF_HUB_OFFLINE, HF_HUB_CACHE and HF_HOME are huggingface_hub's own, which reads them when it is imported.
    """
    global project_repository, mirror
    project_repository = environment.get("IMGEN_HUB_REPO", project_repository)
    mirror = environment.get("IMGEN_MIRROR") or mirror
    proxies.settle(environment, *own)


def publish(repository: str, folder: Path, model_cards: dict[str, str], index: str, token: str | None = None) -> str:
    """Put the weights in `folder`, their facts and figures, the model cards (name -> Markdown) and what lists them on the Hub, in
    one commit; returns the address.

    `token` None: HF_TOKEN, or the one that `hf auth login` stored.
    Raises UserError: publish_denied, publish_name, publish_failed.
    """
    library = _library()
    if not (token or library.get_token()):
        raise UserError("publish_denied", repository=repository)
    files = sorted(path for path in Path(folder).iterdir() if path.suffix in (".safetensors", ".json", ".webp"))
    texts = {"README.md": index} | {f"cards/{name}.md": text for name, text in model_cards.items()}
    additions = [library.CommitOperationAdd(path.name, path) for path in files]
    additions += [library.CommitOperationAdd(name, text.encode()) for name, text in texts.items()]
    api = library.HfApi(endpoint=endpoint, token=token)
    try:
        address = api.create_repo(repository, exist_ok=True)
        api.create_commit(repository, additions, commit_message="Weights and model cards")
    except Exception as error:
        raise _unpublished(error, repository) from None
    return str(address)


def _unpublished(error: Exception, repository: str) -> BaseException:
    """As `_failure`, of what was to be sent."""
    if type(error).__name__ == "HFValidationError":
        return UserError("publish_name", repository=repository[:80])
    failure = _failure(error, "", repository)
    if not isinstance(failure, UserError):
        return failure
    denied = failure.key in ("weights_denied", "weights_not_found")  # 404: of an owner as whom one is not logged in
    return UserError("publish_denied" if denied else "publish_failed", repository=repository)


class _Download(threading.Thread):
    """One download, which any number of visitors watch.  To huggingface_hub it is the progress bar."""

    def __init__(self, w: WeightFile):
        super().__init__(name=f"download {w.file}", daemon=True)
        self.w, self.bytes, self.until = w, 0, 0.0
        self.path: Path | None = None
        self.error: Exception | None = None

    def run(self):
        try:
            self.path = _from_a_server(self.w, self.bar)
        except Exception as error:
            self.error = error

    def bar(self, initial: int = 0, **_) -> AbstractContextManager:
        self.bytes = initial
        return nullcontext(self)

    def update(self, count: int):
        self.bytes += count
        if self.bytes > 2 * self.w.size + LARGE:  # it never ends, and the disk does
            raise UserError("weights_altered", file=self.w.file, repository=self.w.repository)
        if time.monotonic() > self.until:  # nobody waits any more: end even a trickle, which no read timeout would
            raise TimeoutError


_downloads: dict[WeightFile, _Download] = {}
_spares: list[Path] = []  # the temporary folder of this process, once the cache has refused a file
_lock = threading.Lock()


def _join(w: WeightFile, until: float) -> _Download:
    """The download of `w` that is under way, or a new one; it goes on until the last watcher's deadline."""
    with _lock:
        download = _downloads.get(w)
        if download is None or not download.is_alive():
            download = _downloads[w] = _Download(w)
        download.until = max(download.until, until)
        if download.ident is None:  # a new one
            download.start()
        return download


def _from_a_server(w: WeightFile, bar: Callable) -> Path:
    """From the Hub, else from the mirror.  The Hub's error is the one to tell: the mirror is only a second try."""
    first = None
    for server in (endpoint or _library().constants.ENDPOINT, mirror):
        if server and (first is None or first.key in ANOTHER_SERVER):
            try:
                return _into_a_folder(w, server.rstrip("/"), bar)
            except UserError as error:
                first = first or error
    assert first is not None, "the Hub is asked in any case"
    raise first


def _into_a_folder(w: WeightFile, server: str, bar: Callable) -> Path:
    """Into the cache, else, if it is full or read-only, into a temporary folder that goes when the process ends."""
    try:
        return _download(w, server, cache, bar)
    except UserError as error:
        if error.key not in ANOTHER_FOLDER or not elsewhere:
            raise
        try:
            return _download(w, server, _spare(), bar)
        except OSError:  # no temporary folder either
            raise error from None


def _download(w: WeightFile, server: str, folder: Path | None, bar: Callable) -> Path:
    library, token = _library(), _token(server)
    try:
        # Asked first because hf_hub_download itself tries for 23 s before it says that there is no network.
        url, declared = _declared(w, server)
        sha256 = w.sha256 or _locked(w, folder) or declared.etag  # of a file in LFS, as weights are, the ETag is the sha256
        old = _cached(w, folder)
        if old and not _matches(old, sha256):
            _drop(old)
        if w.size >= LARGE:
            _take_up(w, url, declared, folder, bar, token)
        where = {"repo_type": w.kind, "revision": w.revision, "cache_dir": folder, "endpoint": server}
        path = Path(library.hf_hub_download(w.repository, w.file, **where, token=token, etag_timeout=patience, tqdm_class=bar))
        if not _matches(path, sha256):
            _drop(path)
            raise UserError("weights_altered", file=w.file, repository=w.repository)
        _lock_to(w, folder, str(sha256))
    except Exception as error:
        raise _told(error, w, server) from None
    return path


def _token(server: str) -> bool | None:
    return None if server == OFFICIAL else False


def _declared(w: WeightFile, server: str):
    """The file's address there, and what the server says of it."""
    library = _library()
    if proxies.kind_of(server) in proxies.unreachable:
        raise UserError("weights_proxy", file=w.file, repository=w.repository)
    url = library.hf_hub_url(w.repository, w.file, repo_type=w.kind, revision=w.revision, endpoint=server)
    return url, library.file_download.get_hf_file_metadata(url, token=_token(server), timeout=patience, endpoint=server)


def _told(error: Exception, w: WeightFile, server: str) -> BaseException:
    """As `_failure`; where there is a proxy on the way, that is to blame."""
    failure = _failure(error, w.file, w.repository)
    if isinstance(failure, UserError) and failure.key == "weights_offline" and proxies.kind_of(server) in proxies.proxied:
        failure = UserError("weights_proxy", **failure.facts)
    return failure


def _take_up(w: WeightFile, url: str, declared, folder: Path | None, bar: Callable, token: bool | None) -> None:
    """Download a large file's bytes to where the cache has them, from where an earlier try ended: huggingface_hub begins anew.

    declared: what the server says of it.  Whoever else is at it, in another process, makes us leave it to huggingface_hub.
    """
    library, constants = _library(), _library().constants
    home = Path(folder or constants.HF_HUB_CACHE) / library.file_download.repo_folder_name(repo_id=w.repository, repo_type=w.kind)
    if not declared.etag or not declared.size:
        return
    blob = home / "blobs" / declared.etag
    part = blob.with_name(f"{blob.name}.part.incomplete")
    blob.parent.mkdir(parents=True, exist_ok=True)
    if blob.exists():
        return
    try:
        with _alone(part), part.open("ab") as file:
            if file.tell() > declared.size:
                file.truncate(0)
            same = urlsplit(declared.location).netloc == urlsplit(url).netloc  # where it lies need not be who may see a token
            headers = library.utils.build_hf_headers(token=token if same else False)
            library.file_download.http_get(
                declared.location, file, resume_size=file.tell(), headers=headers, expected_size=declared.size, tqdm_class=bar
            )
    except BlockingIOError:
        return
    if _matches(part, w.sha256 or declared.etag):
        part.replace(blob)
    else:
        part.unlink()
        raise UserError("weights_altered", file=w.file, repository=w.repository)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Raises BlockingIOError where somebody else is at it.  The lock goes with the process, however that ends."""
    from filelock import FileLock, Timeout  # which huggingface_hub needs, too

    lock = FileLock(f"{path}.lock")
    try:
        lock.acquire(timeout=0)
    except (Timeout, NotImplementedError):  # NotImplementedError: a disk without locks
        raise BlockingIOError from None
    try:
        yield
    finally:
        lock.release()


def copied(w: WeightFile, found: Path, folder: Path) -> Path:
    """A file that was found in the cache, in another folder of the same layout, without links.  Raises UserError."""
    library = _library()
    home = folder / library.file_download.repo_folder_name(repo_id=w.repository, repo_type=w.kind)
    commit = found.parts[-1 - len(Path(w.file).parts)]  # …/snapshots/<commit>/<file>
    target, sha256 = home / "snapshots" / commit / w.file, sha256_of(found)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found, part := target.with_name(f"{target.name}.incomplete"))
        if not _matches(part, sha256):
            raise UserError("weights_altered", file=w.file, repository=w.repository)
        part.replace(target)
        _lock_to(w, folder, sha256)
        if w.revision != commit:
            (home / "refs").mkdir(exist_ok=True)
            (home / "refs" / w.revision).write_text(commit)
    except OSError as error:
        raise _failure(error, w.file, w.repository) from None
    return target


def _failure(error: BaseException, file: str, repository: str) -> BaseException:
    """What went wrong as a UserError without paths, addresses or tokens; an error that is our own mistake stays as it is."""
    if error.__cause__ and type(error).__name__ in ("LocalEntryNotFoundError", "RuntimeError"):  # huggingface_hub's wrappings
        return _failure(error.__cause__, file, repository)
    facts = {"file": file, "repository": repository}
    kinds = {kind.__name__ for kind in type(error).__mro__}  # by name: the HTTP client has changed twice, its words have not
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status:
        key = {401: "weights_denied", 403: "weights_denied", 404: "weights_not_found"}.get(status)
        return UserError(key, **facts) if key else UserError("weights_server", **facts, status=status)
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT):
        return UserError("weights_disk_full", **facts)
    if number:
        return UserError("weights_cache_read_only", **facts)
    if "HFValidationError" in kinds:  # no name that a repository can have
        return UserError("weights_not_found", **facts)
    # FileMetadataError: what answers is no Hub, but the login page of a hotel.
    if kinds & {"ConnectError", "ConnectTimeout", "ProxyError", "OfflineModeIsEnabled", "FileMetadataError", *NO_ADDRESS}:
        return UserError("weights_offline", **facts)
    if kinds & {"TimeoutException", "TimeoutError"}:
        return UserError("weights_timeout", **facts)
    if kinds & {"HTTPError", "OSError"}:  # OSError without a number: huggingface_hub has counted too few bytes
        return UserError("weights_cut_off", **facts)
    return error


def _library():
    """huggingface_hub, imported late.  Xet would bypass a mirror; steps of 10 MB would be few for a bar, and slow to stop."""
    import huggingface_hub
    from huggingface_hub import constants

    constants.HF_HUB_DISABLE_XET = True
    constants.DOWNLOAD_CHUNK_SIZE = 1 << 16
    _guard_names()
    return huggingface_hub


@functools.cache
def _guard_names() -> None:
    """huggingface_hub names files by what a server says: an ETag "/home/…" would be written there, a commit "../…" likewise."""
    from huggingface_hub import constants, file_download
    from huggingface_hub.errors import FileMetadataError, HfHubHTTPError

    def check(*names: str | None) -> None:
        if not all(NAME.fullmatch(name) for name in names if name is not None):
            raise FileMetadataError("what answers is no Hub")

    asking = file_download.get_hf_file_metadata

    def asked(*args, **kwargs):
        try:
            said = asking(*args, **kwargs)
        except HfHubHTTPError as error:  # where a file is not, its commit is remembered, too
            check(error.response.headers.get(constants.HUGGINGFACE_HEADER_X_REPO_COMMIT))
            raise
        check(said.etag, said.commit_hash)
        return said

    file_download.get_hf_file_metadata = asked


def _cached(w: WeightFile, folder: Path | None) -> Path | None:
    try:
        found = _library().try_to_load_from_cache(w.repository, w.file, cache_dir=folder, revision=w.revision, repo_type=w.kind)
    except ValueError:  # no name that a repository can have: the download says so
        return None
    return Path(found) if isinstance(found, str) else None  # it may be a mark for "known not to exist"


def _promised(w: WeightFile, path: Path, folder: Path | None) -> str | None:
    """The sha256 that a cached file must have.  One that another program brought is named by it, where links are to be had."""
    return w.sha256 or _locked(w, folder) or (Path(os.readlink(path)).name if path.is_symlink() else None)


def _lock_file(w: WeightFile, folder: Path | None) -> Path:
    home = Path(folder or _library().constants.HF_HUB_CACHE)
    return home / LOCKS / f"{w.kind}s--{w.repository}--{w.revision}--{w.file}".replace("/", "--")


def _locked(w: WeightFile, folder: Path | None) -> str | None:
    """What a file had when it was first brought here."""
    try:
        return _lock_file(w, folder).read_text().strip()
    except OSError:
        return None


def _lock_to(w: WeightFile, folder: Path | None, sha256: str) -> None:
    if w.sha256 or _locked(w, folder):
        return
    path = _lock_file(w, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(sha256)


def _drop(path: Path):
    """Take a file out of the cache, with the blob it links to."""
    if path.is_symlink():
        (path.parent / os.readlink(path)).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _spare() -> Path:
    with _lock:
        if not _spares:
            _spares.append(Path(tempfile.mkdtemp(prefix="imgen-weights-")))
            atexit.register(shutil.rmtree, _spares[0], ignore_errors=True)
        return _spares[0]


def _matches(path: Path, sha256: str | None) -> bool:
    try:
        return sha256_of(path) == sha256
    except OSError:
        return False


def sha256_of(path: Path) -> str:
    """Of the file as it is now.  Raises OSError."""
    state = path.stat()
    return _sha256(path, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=256)
def _sha256(path: Path, mtime: int, size: int) -> str:
    """Of the file as it was then: 67 MB take a tenth of a second, which is too long for every click."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
