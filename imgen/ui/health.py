"""Whether the page is alive, and whether it is ready: for whoever restarts it, or sends visitors its way."""

import threading

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PATH = "/healthz"
warming: threading.Thread | None = None  # serving sets it: with its end the first click is quick


def ready() -> bool:
    """Whether torch and the nets that the page opens with are in memory."""
    return warming is not None and not warming.is_alive()


async def serve(request: Request) -> Response:
    """`/healthz`: 200 while it lives.  `/healthz?ready`: 503 until it is ready.  It says nothing else, to anybody."""
    status = 503 if "ready" in request.query_params and not ready() else 200
    return JSONResponse({"alive": True, "ready": ready()}, status, {"cache-control": "no-store"})


ROUTE = Route(PATH, serve)
