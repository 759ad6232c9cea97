"""The work of the models on other machines: Ray Serve replicas, each a process with nets of its own.  The page stays one process.

`connect` puts itself where every face calls a card (`cards.elsewhere`).  A replica does what the card would have done here, and
streams its Frames back; closing the generator cancels the request there.  Work is pure and seeded: if a replica dies in the
middle, it is simply done again by another, and gives the same picture.

Ray (`pip install "ray[serve]"`) is imported when somebody connects, not before.
"""

import asyncio
import copy
import logging
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgen import __version__, cards, device, hub
from imgen.cards import Card, Elsewhere
from imgen.catalog import CATALOG
from imgen.controls import UserError, Value
from imgen.image import Frame, Frames, Picture
from imgen.loader import loader
from imgen.stopping import Stopped, go_on, stopping

if TYPE_CHECKING:
    from torch import Tensor, nn

log = logging.getLogger("imgen")
APP = f"imgen-{__version__}"  # of another version nothing is taken: it may draw another picture
HERE = "local"  # an address: a cluster of this machine alone, which ends with the program
TRIES = 4  # replicas that may die of a request, or under it, before it is given up
BEAT = 0.25  # seconds between two signs of life from a replica: so soon Stop is heard while a step is long
PAUSE, LIVE = 0.1, 0.5  # seconds between two Frames on the way, and between two with pictures: no face shows more
OPEN = 64  # requests that a replica takes in; their steps take turns
THREADS, BATCH = 2, 8  # of a replica that work at a time, on a CPU and on a GPU, where what is equal is done in one go
SHARE, MOST_GPUS = 0.25, 8.0  # of a GPU, for a replica
RANGE = re.compile(r"(\d{1,4})(?:-(\d{1,4}))?", re.ASCII)
PASSED_ON = {"OMP_WAIT_POLICY": "PASSIVE", "THP_MEM_ALLOC_ENABLE": "1"}  # see app.py


@dataclass(frozen=True)
class Cluster:
    """Where, how many replicas (as many as the cluster has room for, if `most` is 0), and what each of them takes up."""

    address: str = "auto"
    least: int = 1
    most: int = 0
    cpus: float = 1.0
    gpus: float | None = None  # None: SHARE where there are GPUs
    at_once: int = 0  # pieces of work of one replica; 0: THREADS, or BATCH on a GPU

    @classmethod
    def of(cls, environment: Mapping[str, str], address: str = "") -> "Cluster":
        """IMGEN_RAY, its address, unless it is given; IMGEN_RAY_REPLICAS, "3", or "1-8" to grow with the work; IMGEN_RAY_GPUS.

        Raises UserError.
        """
        replicas, gpus = environment.get("IMGEN_RAY_REPLICAS", ""), environment.get("IMGEN_RAY_GPUS", "")
        found = RANGE.fullmatch(replicas)
        least, most = (int(found[1]), int(found[2] or found[1])) if found else (cls.least, cls.most)
        if replicas and (not found or least > most or most == 0):
            raise UserError("ray_replicas", value=replicas[:40])
        try:
            share = float(gpus) if gpus else None
        except ValueError:
            share = -1.0
        if share is not None and not 0 <= share <= MOST_GPUS:
            raise UserError("setting_not_a_number", name="IMGEN_RAY_GPUS", value=gpus[:40])
        return cls(address or environment.get("IMGEN_RAY", "auto"), least, most, gpus=share)


def connect(cluster: Cluster) -> int:
    """From now on all cards of this process work there -> how many pieces of work it takes at a time.

    Raises UserError: extra_missing, ray_unreachable, ray_no_replica.
    """
    try:
        import ray  # pyright: ignore[reportMissingImports]
        from ray import serve  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise UserError("extra_missing", name='"ray[serve]"') from None
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
    local = {"include_dashboard": False} if cluster.address == HERE else {"address": cluster.address}
    try:
        ray.init(**local, ignore_reinit_error=True, namespace="imgen", **quiet)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        log.debug("no cluster", exc_info=error)
        raise UserError("ray_unreachable", address=cluster.address[:80]) from None
    cluster = fitted(cluster, ray.cluster_resources())
    try:
        serve.start(proxy_location="Disabled", logging_config={"log_level": "ERROR", "enable_access_log": False})
        if not runs(serve):
            serve.run(deployment(serve, cluster), name=APP, route_prefix=None)
        handle = serve.get_app_handle(APP)
    except Exception as error:  # whatever hinders it: no room for a replica, no imgen of this version over there
        log.error("no replica", exc_info=error)
        raise UserError("ray_no_replica", version=__version__) from None
    lost = (ray.exceptions.RayActorError, ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError,
            ray.exceptions.ObjectLostError)
    cards.elsewhere = Replicas(handle.options(stream=True), lost).do
    return cluster.most * cluster.at_once


def disconnect() -> None:
    """Cards work here again; a cluster of this machine alone ends."""
    import ray  # pyright: ignore[reportMissingImports]

    cards.elsewhere = None
    ray.shutdown()


def fitted(cluster: Cluster, room: Mapping[str, float]) -> Cluster:
    """With what was left open decided by what the cluster has: {"CPU": 8.0, "GPU": 1.0, …}."""
    gpus = cluster.gpus if cluster.gpus is not None else SHARE if room.get("GPU") else 0.0
    fit = room.get("GPU", 0) / gpus if gpus else room.get("CPU", 1) / cluster.cpus
    most = cluster.most or max(1, cluster.least, int(fit))
    return replace(cluster, gpus=gpus, most=most, at_once=cluster.at_once or (BATCH if gpus else THREADS))


def runs(serve: Any) -> bool:
    """Whether another page has put it there: deployed once more, the replicas would end in the middle of their work."""
    app = serve.status().applications.get(APP)
    return app is not None and app.status in ("RUNNING", "DEPLOYING")


def deployment(serve: Any, cluster: Cluster) -> Any:
    resources = {"num_cpus": cluster.cpus, "num_gpus": cluster.gpus}
    where = {"PYTHONPATH": str(Path(__file__).parent.parent)}  # of a checkout that lies there everywhere
    size: dict[str, Any] = {"num_replicas": cluster.most}
    if cluster.least < cluster.most:
        size = {"autoscaling_config": {
            "min_replicas": cluster.least, "max_replicas": cluster.most, "target_ongoing_requests": cluster.at_once,
            "initial_replicas": max(1, cluster.least), "upscale_delay_s": 2, "downscale_delay_s": 120,
        }}
    kind = serve.deployment(
        name="work", max_ongoing_requests=OPEN, health_check_period_s=5, graceful_shutdown_timeout_s=30,
        ray_actor_options={**resources, "runtime_env": {"env_vars": {**PASSED_ON, **where}}}, **size,
    )
    return kind(Replica).bind(__version__, hub.project_repository, cluster.at_once, bool(cluster.gpus))


class Replicas:
    """The side of the page: a request to whichever replica has least to do, and to another if that one dies."""

    def __init__(self, handle: Any, lost: tuple[type[BaseException], ...]):
        self.handle, self.lost = handle, lost

    def do(
        self, card: Card, pipeline: Callable[..., Iterator[Frame]], pictures: tuple[Picture, ...], values: Mapping[str, Value]
    ) -> Elsewhere:
        """As `Card.do`, with knobs that are checked and opened; all of it is done there."""
        named = card.name if CATALOG.get(card.name) is card else card  # a visitor's own comes with its tensors
        for left in reversed(range(TRIES)):
            try:
                yield from self.once(named, pipeline, pictures, dict(values))
                return True
            except self.lost as error:
                log.warning("a replica was lost, %d more tries: %s", left, type(error).__name__)
                if not left:
                    raise
                go_on()
                time.sleep(BEAT)
        raise AssertionError("the last try raises")

    def once(self, *asked: object) -> Frames:
        answers = self.handle.do.remote(*asked)
        try:
            for answer in answers:
                go_on()
                if isinstance(answer, UserError):
                    raise answer
                if answer is not None:
                    yield answer
        finally:
            with suppress(Exception):  # it has come to its end, or nobody is there
                answers.cancel()


class Replica:
    """The side of the work: one process."""

    def __init__(self, version: str, repository: str, at_once: int, gathers: bool):
        """gathers: whether equal questions to a net are put to it in one go."""
        if version != __version__:
            raise RuntimeError(f"the page is imgen {version}, this machine has {__version__}")
        hub.project_repository = repository
        self.threads = ThreadPoolExecutor(at_once, "work")
        if gathers:
            loader.dress = gather

    async def do(
        self, card: str | Card, pipeline: Callable[..., Iterator[Frame]], pictures: tuple[Picture, ...], values: dict[str, Value]
    ) -> AsyncIterator[Frame | UserError | None]:
        """Frames, not too many of them; None every now and then; a UserError instead of the result.

        Each step waits its turn anew, so that a long piece of work holds up no quick one.
        """
        work = Work((CATALOG[card] if isinstance(card, str) else card).do(pipeline, *pictures, **values), self.threads)
        said = showed = time.monotonic()
        try:
            while True:
                step = asyncio.wrap_future(work.step())
                while not (await asyncio.wait({step}, timeout=BEAT))[0]:
                    yield None
                frame = step.result()
                if frame is None:
                    return
                now = time.monotonic()
                if frame.finished or now - said > PAUSE:
                    said = now
                    if not frame.finished and frame.pictures:
                        frame, showed = (frame, now) if now - showed > LIVE else (replace(frame, pictures=[]), showed)
                    yield frame
        except UserError as error:
            yield error
        finally:
            work.end()


class Work:
    """A generator whose steps are made in threads; who ends it waits for none of them."""

    def __init__(self, frames: Frames, threads: ThreadPoolExecutor):
        self.frames, self.threads, self.given_up = frames, threads, False
        self.context = copy_context()
        self.context.run(stopping.set, self.check)
        self.last: Future | None = None

    def check(self) -> None:
        if self.given_up:
            raise Stopped

    def step(self) -> "Future[Frame | None]":
        """The next Frame; None at the end."""
        self.last = self.threads.submit(self.context.run, next, self.frames, None)
        return self.last

    def end(self) -> None:
        self.given_up = True
        if self.last is not None:
            self.last.add_done_callback(lambda _: self.threads.submit(self.context.run, self.tidy))

    def tidy(self) -> None:
        with suppress(Exception):
            self.frames.close()
        device.release()


def gather(net: "nn.Module") -> None:
    """Equal questions that several threads put to this net are answered in one go."""
    net.forward = Gathered(net.forward, BATCH)


@dataclass(eq=False)
class Question:
    inputs: "tuple[Tensor, ...]"
    answer: "Tensor | None" = None
    kind: tuple = field(init=False)

    def __post_init__(self):
        self.kind = tuple((x.shape[1:], x.dtype, x.device) for x in self.inputs)


class Gathered:
    """A net's `forward` for many threads.  While one batch is computed the next one gathers: nobody waits for company.

    It pays where a small batch costs as much as a single picture: on a GPU.  The last bit of a sum may depend on the batch.
    """

    def __init__(self, forward: Callable[..., Any], most: int):
        self.forward, self.most = forward, most
        self.waiting: list[Question] = []
        self.busy = threading.Lock()

    def __call__(self, *inputs: Any) -> Any:
        if not all(hasattr(x, "dim") and x.dim() for x in inputs):
            return self.forward(*inputs)
        mine = Question(inputs)
        self.waiting.append(mine)
        with self.busy:
            if mine.answer is None:
                self.reply(mine)
        return mine.answer

    def reply(self, mine: Question) -> None:
        import torch

        alike = [one for one in self.waiting if one.kind == mine.kind and one is not mine][: self.most - 1]
        asked = [mine, *alike]
        try:
            whole = self.forward(*(torch.cat(parts) for parts in zip(*(one.inputs for one in asked), strict=True)))
            for one, part in zip(asked, whole.split([len(one.inputs[0]) for one in asked]), strict=True):
                one.answer = part
        except Exception:  # too large together, or no net of this kind: each alone
            asked = [mine]
            mine.answer = self.forward(*mine.inputs)
        finally:
            for one in asked:
                self.waiting.remove(one)

    def __deepcopy__(self, memo: dict) -> Any:
        return copy.deepcopy(self.forward, memo)  # of the copied net, which nobody else has
