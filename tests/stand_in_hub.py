"""A stand-in for the Hub on loopback: enough of its HTTP to download a file and to publish one, and ways to go wrong."""

import asyncio
import base64
import hashlib
import json
import threading
import time

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

COMMIT = "c0ffee" + 34 * "0"


class StandInHub:
    """`mode` says how it behaves.

    "normal", a status such as "404", "silent", "silent after HEAD", "slow", "cut off", "cut off once", "wrong bytes", "endless".
    """

    def __init__(self):
        self.reset(b"")
        routes = [
            Route("/datasets/{owner}/{name}/resolve/{revision}/{file:path}", self.resolve, methods=["GET", "HEAD"]),
            Route("/{owner}/{name}/resolve/{revision}/{file:path}", self.resolve, methods=["GET", "HEAD"]),
            Route("/api/models/{owner}/{name}", self.info, methods=["GET"]),
            Route("/api/repos/create", self.create, methods=["POST"]),
            Route("/api/validate-yaml", self.fine, methods=["POST"]),
            Route("/api/models/{owner}/{name}/preupload/{revision}", self.preupload, methods=["POST"]),
            Route("/{owner}/{name}.git/info/lfs/objects/batch", self.batch, methods=["POST"]),
            Route("/upload/{sha256}", self.upload, methods=["PUT"]),
            Route("/api/models/{owner}/{name}/commit/{revision}", self.commit, methods=["POST"]),
        ]
        config = uvicorn.Config(Starlette(routes=routes), port=0, log_config=None, lifespan="off", ws="none")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)

    def reset(self, content: bytes):
        self.mode, self.content = "normal", content
        self.requests: list[tuple[str, str, str | None]] = []  # method, path, token
        self.starts: list[int] = []  # of each GET: from which byte on
        self.uploaded: dict[str, bytes] = {}  # by sha256, until a commit names them
        self.committed: dict[str, bytes] = {}
        self.says: dict[str, str] = {}  # headers that it sends instead
        self.sha = COMMIT  # what it calls its newest commit
        self.files: dict[str, bytes] = {}  # of its one repository; without any, every file is `content`

    def __enter__(self):
        self.thread.start()
        while not self.server.started:
            time.sleep(0.005)
        self.url = f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_):
        self.mode, self.server.should_exit = "503", True
        self.thread.join(10)

    def seen(self, request: Request):
        self.requests.append((request.method, request.url.path, request.headers.get("authorization")))

    async def resolve(self, request: Request) -> Response:
        self.seen(request)
        while self.mode == "silent" or (self.mode == "silent after HEAD" and request.method == "GET"):
            await asyncio.sleep(0.01)
        if self.mode.isdigit():
            return Response(status_code=int(self.mode))
        file = request.path_params["file"]
        if self.files and file not in self.files:
            return Response(status_code=404, headers={"X-Error-Code": "EntryNotFound"})
        content = self.files.get(file, self.content)
        start = int(request.headers.get("range", "bytes=0-")[6:].split("-")[0])
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
        headers["Content-Length"] = str(len(content) - start)
        headers |= self.says
        if request.method == "HEAD":
            return Response(headers=headers)
        if self.mode == "endless":
            del headers["Content-Length"]
        self.starts.append(start)
        return StreamingResponse(self.body(content, start), 206 if start else 200, headers)

    async def body(self, content: bytes, start: int):
        content = bytes(len(content)) if self.mode == "wrong bytes" else content
        for place in range(start, len(content), 1 << 16):
            if self.mode.startswith("cut off") and place >= len(content) // 2:
                self.mode = "normal" if self.mode == "cut off once" else self.mode
                raise ConnectionError("cut off")  # uvicorn closes the connection
            if self.mode == "slow":
                await asyncio.sleep(0.05)
            yield content[place : place + (1 << 16)]
        for _ in range(64 if self.mode == "endless" else 0):  # MB, which is enough
            await asyncio.sleep(0)
            yield bytes(1 << 20)

    async def info(self, request: Request) -> Response:
        self.seen(request)
        if self.mode.isdigit():
            return Response(status_code=int(self.mode))
        name = f"{request.path_params['owner']}/{request.path_params['name']}"
        files = [{"rfilename": file} for file in self.files]
        return JSONResponse({"id": name, "sha": self.sha, "private": False, "tags": [], "downloads": 0, "siblings": files})

    async def create(self, request: Request) -> Response:
        self.seen(request)
        if self.mode.isdigit():
            return Response(status_code=int(self.mode))
        wanted = await request.json()
        return JSONResponse({"url": f"{self.url}/{wanted['organization']}/{wanted['name']}"})

    async def fine(self, request: Request) -> Response:
        return JSONResponse({})

    async def preupload(self, request: Request) -> Response:
        paths = [file["path"] for file in (await request.json())["files"]]
        how = {True: "lfs", False: "regular"}
        modes = [{"path": p, "uploadMode": how[p.endswith(".safetensors")], "shouldIgnore": False} for p in paths]
        return JSONResponse({"files": modes})

    async def batch(self, request: Request) -> Response:
        wanted = (await request.json())["objects"]
        objects = [{**o, "actions": {"upload": {"href": f"{self.url}/upload/{o['oid']}"}}} for o in wanted]
        return JSONResponse({"transfer": "basic", "objects": objects})

    async def upload(self, request: Request) -> Response:
        self.uploaded[request.path_params["sha256"]] = await request.body()
        return Response()

    async def commit(self, request: Request) -> Response:
        self.seen(request)
        for line in (await request.body()).splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file":
                self.committed[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                self.committed[value["path"]] = self.uploaded[value["oid"]]
        return JSONResponse({"commitUrl": f"{self.url}/someone/models/commit/{COMMIT}", "commitOid": COMMIT})
