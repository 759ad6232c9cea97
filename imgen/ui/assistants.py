"""The endpoints as tools of the Model Context Protocol, by the optional package `mcp` (pip install "imgen[mcp]").

Gradio's own server of tools calls itself over HTTP, takes files by addresses that it would fetch, and writes pictures anew.
Here a tool is the endpoint itself, in this process, for the visitor who asks: his turns, his share of the disk, his address.  A
picture comes in as a data URL or as what was uploaded or made here, and goes out byte for byte.
"""

import base64
import binascii
import copy
import json
import logging
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import gradio as gr
from gradio import mcp
from gradio.components import Component
from gradio.context import LocalContext
from mcp import types  # pyright: ignore[reportMissingImports]
from mcp.server import Server  # pyright: ignore[reportMissingImports]

from imgen.controls import UserError
from imgen.ui.doors import API, MOST_FILES
from imgen.ui.endpoint import published
from imgen.ui.knobs import MaskKnob
from imgen.ui.picture import PictureInput
from imgen.ui.stock import MAX_FILE, put
from imgen.ui.work import Trouble

PACKAGE = str(Path(types.__file__).parent)
FILE = f"{API}file="
PICTURE = "data:image/png;base64,… (or another kind of file), or the address of one that was made here or uploaded"
Schema = dict[str, Any]


class Unchecked(Server):
    """Arguments are checked by `prepared` and by the endpoint.  The package's own check takes seconds of the event loop for a
    long list, repeats it in its answer, and writes the name of an unknown tool into the log.
    """

    async def _get_cached_tool_definition(self, tool_name: str):
        return None


class Tools(mcp.GradioMCPServer):
    """What an assistant is told of the endpoints, and how it calls them."""

    Server = Unchecked
    _file_data_tool_description = ""  # pyright: ignore[reportAssignmentType]  each parameter says what it takes

    def _prepare_tool_call_args(self, name: str, arguments: dict[str, Any]):
        request = gr.Request(self.mcp_server.request_context.request)
        LocalContext.request.set(request)  # whose files they are
        with Trouble(request):
            return self.prepared(name, arguments)

    def prepared(self, name: str, arguments: dict[str, Any]) -> tuple:
        endpoint = self.tool_to_endpoint.get(name, "")
        function = self.get_block_fn_from_endpoint_name(endpoint) if endpoint else None
        if function is None or not isinstance(arguments, dict):
            raise UserError("call_unreadable")
        names = parameters(cast(Schema, self.api_info), endpoint)
        if unknown := arguments.keys() - set(names):
            raise UserError("knob_unknown", knob=str(min(unknown))[:40], knobs=", ".join(names))
        inputs = cast("list[Component]", function.inputs)
        values = [taken(component, arguments.get(called)) for called, component in zip(names, inputs, strict=True)]
        card = published[endpoint.strip("/")].beginning
        values = [self.usual(endpoint, called) if called in card and value is None else value
                  for called, value in zip(names, values, strict=True)]
        here = copy.copy(function)
        here.queue = False  # it is called at once, in this process; whose turn it is `turns` knows
        return endpoint, values, {}, here

    def usual(self, endpoint: str, called: str) -> object:
        told = cast("list[Schema]", self.api_info["named_endpoints"][endpoint]["parameters"])
        return next(one["parameter_default"] for one in told if one["parameter_name"] == called)

    def get_input_schema(self, tool_name: str, parameters: dict[str, str] | None = None) -> tuple[Schema, list]:
        endpoint = self.tool_to_endpoint[tool_name]
        function = self.get_block_fn_from_endpoint_name(endpoint)
        assert function
        told = cast("list[Schema]", self.api_info["named_endpoints"][endpoint]["parameters"])
        properties = {}
        for one, component in zip(told, cast("list[Component]", function.inputs), strict=True):
            name = one["parameter_name"]
            schema, words = kind(component, one)
            about = (parameters or {}).get(name, "")
            properties[name] = {**schema, "description": ". ".join(filter(None, [about, words]))}
        needed = list(published[endpoint.strip("/")].needed)
        return {"type": "object", "properties": properties, **({"required": needed} if needed else {})}, []

    def postprocess_output_data(self, data: Any, root_url: str) -> list:
        """Pictures and files by their bytes and addresses, all else as JSON."""
        found = []
        for one in data:
            for file in files_of(one):
                path = Path(file["path"])
                address = f"{root_url}{FILE}{path}"
                if path.suffix in (".png", ".webp"):
                    encoded = base64.b64encode(path.read_bytes()).decode()
                    found.append(self.types.ImageContent(type="image", data=encoded, mimeType=f"image/{path.suffix[1:]}"))
                found.append(self.types.TextContent(type="text", text=address))
            if one is not None and not files_of(one):
                words = json.dumps(getattr(one, "root", one), ensure_ascii=False, default=str)
                found.append(self.types.TextContent(type="text", text=words))
        return found


def parameters(info: Schema, endpoint: str) -> list[str]:
    return [one["parameter_name"] for one in info["named_endpoints"][endpoint]["parameters"]]


def kind(component: Component, told: Schema) -> tuple[Schema, str]:
    """What a tool's parameter may be, as JSON Schema; and of files in words."""
    match component:
        case PictureInput():
            return {"type": "string"}, PICTURE
        case MaskKnob():
            return {"type": "string"}, f"White where it covers: {PICTURE}"
        case gr.Gallery():
            return {"type": "array", "items": {"type": "string"}}, f"Each: {PICTURE}"
        case gr.JSON():
            return {"type": ["array", "object"]}, ""
    kinds = {name: value for name, value in told["type"].items() if name in ("type", "items")}
    return (kinds if kinds.get("type") in ("number", "integer", "string", "array") else {"type": "string"}), ""


def taken(component: Component, value: object) -> object:
    """A tool's argument as the page's component has it.  Raises UserError."""
    if value is None:
        return None
    match component:
        case PictureInput():
            return file(value)
        case MaskKnob():
            return {"background": None, "layers": [file(value)], "composite": None}
        case gr.Gallery():
            if not isinstance(value, list) or len(value) > MOST_FILES:  # before any is written
                raise UserError("call_unreadable")
            return [{"image": file(one), "caption": None} for one in value]
    return value


def file(value: object) -> Schema:
    """Of a data URL a new file of this visitor's; of an address on this server the file that it names, which `doors` checks."""
    if not isinstance(value, str):
        raise UserError("file_not_given")
    if value.startswith("data:"):
        try:
            data = base64.b64decode(value.partition(",")[2], validate=True)
        except (binascii.Error, ValueError):
            raise UserError("picture_unreadable") from None
        if len(data) > MAX_FILE:
            raise UserError("file_too_large", limit=MAX_FILE // 2**20)
        return {"path": put(data, "picture")}
    return {"path": unquote(value.partition(FILE)[2]) if FILE in value else value}


def files_of(value: object) -> list[Schema]:
    """Those that an endpoint has returned: one, or a gallery of them."""
    if isinstance(value, dict) and "path" in value:
        return [value]
    if isinstance(value, list):
        return [one["image"] for one in value if isinstance(one, dict) and isinstance(one.get("image"), dict)]
    return []


def serve_tools() -> None:
    """From now on `launch(mcp_server=True)` serves these; the package's log, which repeats what it was sent, is silent."""
    mcp.GradioMCPServer = Tools
    logging.getLogger("mcp").setLevel(logging.CRITICAL)
    logging.getLogger().addFilter(told_by_us)


def told_by_us(record: logging.LogRecord) -> bool:
    """`mcp` uses the root of all loggers, too."""
    return not record.pathname.startswith(PACKAGE)
