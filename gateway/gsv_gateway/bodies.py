"""Bodies of requests, read within limits: size, time, depth; and checked against a model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from gsv_gateway.problems import RequestRefused
from gsv_gateway.settings import Limits

M = TypeVar("M", bound=BaseModel)

_SHOWN_CHARACTERS = 80
_MAX_BRACKETS = 10_000
_MAX_FORM_FIELDS = 64
_MAX_FORM_FILES = 11  # a clip and as many more as a voice may have


async def read_bytes(request: Request, max_bytes: int, limits: Limits) -> bytes:
    """The whole body.

    Raises:
        RequestRefused: It is larger than `max_bytes`, did not come in time, or will not come.
    """
    data = bytearray()
    async for piece in limited(request, max_bytes, limits):
        data += piece
    return bytes(data)


async def limited(request: Request, max_bytes: int, limits: Limits) -> AsyncGenerator[bytes, None]:
    """The body as it comes; errors as `read_bytes`."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise _too_large(int(declared), max_bytes)
    pieces, size = request.stream(), 0
    deadline_s = asyncio.get_running_loop().time() + limits.body_s
    while True:
        left_s = deadline_s - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(max(left_s, 0.001)):
                piece = await anext(pieces)
        except StopAsyncIteration:
            return
        except TimeoutError:
            message = f"the body did not come within {limits.body_s:g} s; send it in one go"
            raise RequestRefused(408, message, code="body_timeout") from None
        except ClientDisconnect:  # nobody hears this; without it the log would have a trace
            raise RequestRefused(499, "the client left before its body had come", code="client_left") from None
        size += len(piece)
        if size > max_bytes:
            raise _too_large(size, max_bytes)
        yield piece


def _too_large(size: int, max_bytes: int) -> RequestRefused:
    return RequestRefused(413, f"the body has {size} bytes or more; need at most {max_bytes}", code="body_too_large")


async def read_json(request: Request, limits: Limits) -> dict[str, Any]:
    """A JSON object, whatever the content type says; keys whose value is null are left out.

    Raises:
        RequestRefused: It is none, too large or too deep.
    """
    return json_object(await read_bytes(request, limits.json_bytes, limits), limits.json_depth)


def json_object(data: bytes | str, max_depth: int) -> dict[str, Any]:
    """Parse a JSON object; errors as `read_json`."""
    text = _text(data)
    message = f"the JSON nests deeper than {max_depth}, or has more than {_MAX_BRACKETS} brackets; send a flat object"
    too_deep = RequestRefused(400, message, code="json_too_deep")
    if text.count("[") + text.count("{") > _MAX_BRACKETS:  # a mebibyte of empty lists takes a fifth of a second
        raise too_deep
    try:
        value = json.loads(text, parse_constant=_no_number)
    except ValueError as error:
        raise RequestRefused(400, f"the body is no JSON: {error}", code="invalid_json") from None
    except RecursionError:
        raise too_deep from None
    if is_deeper(value, max_depth):
        raise too_deep
    if not isinstance(value, dict):
        raise RequestRefused(400, f"the body is a JSON {type(value).__name__}; need an object", code="invalid_json")
    return {key: item for key, item in value.items() if item is not None}


def _text(data: bytes | str) -> str:
    try:
        return data.decode("utf-8-sig") if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        raise RequestRefused(400, f"the body is no UTF-8 at byte {error.start}", code="invalid_json") from None


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def is_deeper(value: Any, max_depth: int) -> bool:
    """Whether lists and objects lie in each other more than `max_depth` deep."""
    level = [value] if isinstance(value, list | dict) else []
    for _ in range(max_depth):
        inside = chain.from_iterable(each.values() if isinstance(each, dict) else each for each in level)
        level = [each for each in inside if isinstance(each, list | dict)]
    return bool(level)


@dataclass(frozen=True)
class Form:
    """A multipart form.

    Attributes:
        texts: Name and text of each field, in order.
        files: Name and bytes of each file, in order.
    """

    texts: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, bytes], ...]

    def text(self, name: str) -> str:
        """The field of that name, of several the last; empty where there is none.

        Raises:
            RequestRefused: It is a file.
        """
        if any(name == each for each, _ in self.files):
            raise RequestRefused(400, f"{name} is a file; need text", param=name)
        return dict(self.texts).get(name, "")

    def files_of(self, *names: str) -> list[bytes]:
        """The files that are called one of `names`, in order."""
        return [data for name, data in self.files if name.removesuffix("[]") in names]


async def read_form(request: Request, limits: Limits) -> Form:
    """A multipart form.

    Raises:
        RequestRefused: It is none, or too large.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise RequestRefused(400, "need multipart/form-data with the fields of the form", code="invalid_form")
    body = limited(request, limits.upload_bytes, limits)
    parser = MultiPartParser(request.headers, body, max_files=_MAX_FORM_FILES, max_fields=_MAX_FORM_FIELDS)
    try:
        form = await parser.parse()
    except (MultiPartException, UnicodeDecodeError, KeyError, ValueError) as error:
        raise RequestRefused(400, f"the form cannot be read: {error}", code="invalid_form") from None
    try:
        items = form.multi_items()
        files = [(name, await value.read()) for name, value in items if isinstance(value, UploadFile)]
        return Form(tuple((name, value) for name, value in items if isinstance(value, str)), tuple(files))
    finally:
        await form.close()


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a body with its parts in their places: where OpenAPI has it, `$defs` are not found."""
    schema = model.model_json_schema()
    parts = schema.pop("$defs", {})

    def placed(value: Any) -> Any:
        if isinstance(value, list):
            return [placed(each) for each in value]
        if not isinstance(value, dict):
            return value
        name = value.get("$ref", "").rpartition("/")[2]
        return placed(parts[name]) if name else {key: placed(each) for key, each in value.items()}

    found: dict[str, Any] = placed(schema)
    return found


def checked(model: type[M], values: Mapping[str, Any]) -> M:
    """The values as a model.

    Raises:
        RequestRefused: What the first wrong field is, and what it needs to be.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        param = ".".join(str(part) for part in first["loc"])
        if first["type"] == "missing":
            raise RequestRefused(400, f"{param} is required", code="missing_field", param=param) from None
        found = _shown(first["input"])
        raise RequestRefused(400, f"{param} is {found}: {first['msg']}", param=param) from None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"
