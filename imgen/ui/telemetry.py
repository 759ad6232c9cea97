"""What is to be seen from outside, if the operator asks for it: a log for programs, figures for Prometheus, traces.

None of it says who asked, from where, for which file or in which words: a card, a size, seconds, and how it ended.
"""

import atexit
import importlib
import ipaddress
import json
import logging
import queue
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener
from pathlib import Path
from typing import TextIO

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from imgen import __version__, watching
from imgen.catalog import CATALOG
from imgen.controls import UserError
from imgen.settings import switched_on
from imgen.texts import text
from imgen.ui import turns
from imgen.ui.health import ready
from imgen.ui.language import choose
from imgen.watching import DONE, STOPPED, UNEXPECTED, Event, Run

PATH = "/metrics"
EXTRA = {"metrics": "prometheus-client", "traces": "opentelemetry-sdk opentelemetry-exporter-otlp-proto-http"}
BUCKETS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)  # seconds
KINDS = (  # of requests, by how their paths begin
    ("/gradio_api/queue/", "queue"), ("/gradio_api/call/", "call"), ("/gradio_api/run/", "call"),
    ("/gradio_api/upload", "upload"),
    ("/gradio_api/file=", "file"), ("/gradio_api/", "other"), ("/train/", "train"), ("/worksheet", "worksheet"),
    ("/healthz", "health"), ("/metrics", "metrics"), ("/login", "login"), ("/assets/", "static"), ("/static/", "static"),
)
OWN = "own"  # for all cards that visitors have made


@dataclass(frozen=True)
class Seen:
    """What a served page is told of it."""

    middleware: list[Middleware] = field(default_factory=list)  # outside all others
    routes: list[Route] = field(default_factory=list)
    started: Callable[[], None] = lambda: None  # to be called once the server is there


NOTHING = Seen()


def begin(environment: Mapping[str, str]) -> Seen:
    """By the settings IMGEN_LOG, IMGEN_METRICS and those of OpenTelemetry.  Raises UserError."""
    middleware, routes, started = [], [], []
    kind, allowed = chosen(environment)
    if kind:
        log = Log(sys.stderr)
        watching.watch(log.tell)
        started.append(log.begin)
    if allowed is not None:
        metrics = Metrics(allowed, claimed=environment.get("FORWARDED_ALLOW_IPS", "").strip() == "*")
        watching.watch(metrics.tell)
        middleware.append(Middleware(Counted, metrics=metrics))
        routes.append(Route(PATH, metrics.serve))
    if traced(environment):
        watching.watch(Traces().tell)

    def start() -> None:
        for one in started:
            one()

    return Seen(middleware, routes, start)


def chosen(environment: Mapping[str, str]) -> tuple[str, list[ipaddress.IPv4Network | ipaddress.IPv6Network] | None]:
    """The kind of log, and whom figures are for beside this machine; None: for nobody.  Raises UserError."""
    kind, allowed = environment.get("IMGEN_LOG", ""), environment.get("IMGEN_METRICS", "").strip()
    if kind not in ("", "json"):
        raise UserError("log_unknown", value=kind[:40])
    return kind, networks(allowed) if switched_on(environment, "IMGEN_METRICS") else None


def networks(allowed: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Whom IMGEN_METRICS lets in, beside this machine: addresses and networks with commas between them.  Raises UserError."""
    named = [one.strip() for one in allowed.split(",") if one.strip().lower() not in SWITCH]
    try:
        return [ipaddress.ip_network(one, strict=False) for one in named]
    except ValueError:
        raise UserError("metrics_unknown", value=allowed[:40]) from None


SWITCH = ("", "1", "yes", "on", "true")


# -- a log for programs ------------------------------------------------------------------------------------------------


class Log(logging.Handler):
    """JSON lines.  Of a record of Python's logging only the place and the kind of error are told: its words may name a file."""

    def __init__(self, stream: TextIO):
        super().__init__(logging.WARNING)
        self.stream = stream

    def begin(self) -> None:
        """In place of all words for people, the server's own too; written by a thread, so that nobody waits for the disk."""
        lines: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
        keeper = Kept(lines)
        for name in (None, "uvicorn", "uvicorn.error", "uvicorn.access"):
            logger = logging.getLogger(name)
            logger.handlers[:] = [keeper] if name in (None, "uvicorn") else []
        logging.captureWarnings(True)
        listener = QueueListener(lines, self)
        listener.start()
        atexit.register(listener.stop)
        self.write("started", time.time(), version=__version__)

    def tell(self, event: Event) -> None:
        if isinstance(event, Run):
            error = None if event.outcome in (DONE, STOPPED) else event.outcome
            self.write(
                "stopped" if event.outcome == STOPPED else "run", event.began, card=named(event.card), seconds=event.seconds,
                size=f"{event.width}x{event.height}", device=event.device, error=error,
            )
        else:
            self.write("refused", event.began, error=event.key)

    def emit(self, record: logging.LogRecord) -> None:
        place = f"{record.filename}:{record.lineno}"
        self.write(record.levelname.lower(), record.created, logger=record.name, at=place, error=record.exc_text)  # see `Kept`

    def write(self, event: str, when: float, **facts: object) -> None:
        stamp = datetime.fromtimestamp(when, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.stream.write(json.dumps({"time": stamp, "event": event, **facts}) + "\n")  # in one piece: two threads write
        self.stream.flush()


class Kept(QueueHandler):
    """Hands a record on without its words."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        error = record.exc_info[1] if record.exc_info else None
        bare = logging.LogRecord(record.name, record.levelno, record.pathname, record.lineno, "", (), None)
        bare.created = record.created
        if error is not None:
            trace = error.__traceback__
            while trace and trace.tb_next:
                trace = trace.tb_next
            place = f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
            bare.exc_text = f"{type(error).__name__}{place}"
        return bare


# -- figures for Prometheus --------------------------------------------------------------------------------------------


class Metrics:
    """Counters of this process.  allowed: who may read them, beside this machine; claimed: whether every visitor may say from
    where he comes, as on a Space: who says so is believed nothing.  Raises UserError without its package.
    """

    def __init__(self, allowed: list, claimed: bool = False):
        library = package("prometheus_client", "metrics")
        self.allowed, self.claimed, self.library = allowed, claimed, library
        self.registry = registry = library.CollectorRegistry()
        self.requests = library.Counter("imgen_requests", "HTTP requests", ["kind", "status"], registry=registry)
        self.runs = library.Counter("imgen_runs", "Runs of a card, by how they ended", ["card", "outcome"], registry=registry)
        self.seconds = library.Histogram(
            "imgen_run_seconds", "Seconds of work of runs that were done", ["card"], registry=registry, buckets=BUCKETS
        )
        self.refusals = library.Counter(
            "imgen_refusals", "What visitors were told outside of a run", ["error"], registry=registry
        )
        for name, words, count in (
            ("imgen_waiting", "Jobs that wait for their turn", lambda lane: waiting(turns.turns().waiting, lane)),
            ("imgen_running", "Jobs that run", lambda lane: waiting(turns.turns().running, lane)),
        ):
            gauge = library.Gauge(name, words, ["lane"], registry=registry)
            for lane in turns.SLOTS:
                gauge.labels(lane).set_function(lambda lane=lane, count=count: count(lane))
        library.Gauge("imgen_ready", "1 once the first click is quick", registry=registry).set_function(lambda: float(ready()))
        library.Info("imgen", "The program", registry=registry).info({"version": __version__})
        library.ProcessCollector(registry=registry)

    def tell(self, event: Event) -> None:
        if isinstance(event, Run):
            self.runs.labels(named(event.card), event.outcome).inc()
            if event.outcome == DONE:
                self.seconds.labels(named(event.card)).observe(event.seconds)
        else:
            self.refusals.labels(event.key).inc()

    def may_read(self, address: str) -> bool:
        try:
            known = ipaddress.ip_address(address)
        except ValueError:
            return False
        known = getattr(known, "ipv4_mapped", None) or known
        return known.is_loopback or any(known in network for network in self.allowed)

    async def serve(self, request: Request) -> Response:
        told = self.claimed and "x-forwarded-for" in request.headers
        if told or not self.may_read(request.client.host if request.client else ""):
            language = choose(request.url.query, request.headers.get("cookie", ""), request.headers.get("accept-language", ""))
            return JSONResponse({"error": text("metrics_closed", language)}, 403)
        return Response(self.library.generate_latest(self.registry), headers={"content-type": self.library.CONTENT_TYPE_LATEST})


class Counted:
    """ASGI middleware: which kind of request had which status."""

    def __init__(self, app, metrics: Metrics):
        self.app, self.count = app, metrics.requests
        self.counters: dict = {}  # what `labels` would look up under a lock

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def told(message):
            if message["type"] == "http.response.start":
                key = kind_of(scope["path"]), message["status"]
                if key not in self.counters:
                    self.counters[key] = self.count.labels(*key)
                self.counters[key].inc()
            await send(message)

        await self.app(scope, receive, told)


def kind_of(path: str) -> str:
    return "page" if path == "/" else next((kind for start, kind in KINDS if path.startswith(start)), "other")


def waiting(tickets: list, lane: str) -> int:
    return sum(ticket.lane == lane for ticket in tickets)


# -- traces ------------------------------------------------------------------------------------------------------------


def traced(environment: Mapping[str, str]) -> bool:
    """Whether the operator has named a place for traces, as OpenTelemetry's own settings do, and its packages are there."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true" or environment.get("OTEL_TRACES_EXPORTER", "") == "none":
        return False
    if not any(environment.get(f"OTEL_EXPORTER_OTLP_{kind}ENDPOINT") for kind in ("", "TRACES_")):
        return False
    package("opentelemetry.sdk.trace", "traces")
    return True


class Traces:
    """A span for each run, drawn up when it is over.  Raises UserError without its packages."""

    def __init__(self, exporter: object = None):
        trace = package("opentelemetry.trace", "traces")
        if exporter is not None or not hasattr(trace.get_tracer_provider(), "add_span_processor"):  # nobody has set one up
            sdk, export = (package(f"opentelemetry.sdk.trace{part}", "traces") for part in ("", ".export"))
            resources = package("opentelemetry.sdk.resources", "traces")
            way = exporter or package("opentelemetry.exporter.otlp.proto.http.trace_exporter", "traces").OTLPSpanExporter()
            provider = sdk.TracerProvider(resource=resources.Resource.create({"service.version": __version__}))
            provider.add_span_processor(export.BatchSpanProcessor(way))
        else:
            provider = trace.get_tracer_provider()
        self.provider, self.tracer, self.trace = provider, provider.get_tracer("imgen", __version__), trace

    def tell(self, event: Event) -> None:
        if not isinstance(event, Run):
            return
        start = round(event.began * 1e9)
        known = {
            "imgen.card": named(event.card), "imgen.seconds": event.seconds, "imgen.width": event.width,
            "imgen.height": event.height, "imgen.device": event.device, "imgen.outcome": event.outcome,
        }
        span = self.tracer.start_span("imgen.run", start_time=start, attributes=known)
        if event.outcome not in (DONE, STOPPED):
            code = self.trace.StatusCode.ERROR
            span.set_status(self.trace.Status(code, event.outcome if event.outcome != UNEXPECTED else None))
        span.end(end_time=start + round(event.seconds * 1e9))


def named(card: str) -> str:
    """A card by its name, if it is of the catalog: what visitors trained they may have named."""
    return card if card in CATALOG else OWN


def package(module: str, extra: str):
    """A package that only who asks for this needs.  Raises UserError."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise UserError("extra_missing", name=EXTRA[extra]) from None
