"""What the operator of a server decides: `gsv.toml` in the folder of its state, or environment variables.

Each setting is a variable, too: `slots` is GSV_SLOTS. A variable that is set wins over the file. Settings of models
stand for what deployment.py says; one that is left out stays as the repository was built.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import tomllib
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from gsv_runtime.server.logs import Log
from gsv_runtime.server.triton_process import ServerFailed
from gsv_runtime.text.languages import LANGUAGES

FILE = "gsv.toml"
_PREFIX = "GSV_"
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def _bytes_of(value: object) -> object:
    """A number of bytes, of such as "500M"."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kMGT]?)B?", value) if isinstance(value, str) else None
    return value if found is None else int(float(found[1]) * _UNITS[found[2]])


def _words_of(value: object) -> object:
    """Words, of one text as variables have them."""
    return value.split() if isinstance(value, str) else value


def _known_languages(codes: list[str]) -> list[str]:
    if codes != ["off"] and (unknown := sorted(set(codes) - LANGUAGES.keys())):
        raise ValueError(f"{' '.join(unknown)} is none of {', '.join(LANGUAGES)}")
    return codes


Port = Annotated[int, Field(ge=1, le=65_535)]
Count = Annotated[int, Field(ge=1)]
Bytes = Annotated[int, BeforeValidator(_bytes_of), Field(ge=0)]
Seconds = Annotated[float, Field(gt=0)]
Words = Annotated[list[str], BeforeValidator(_words_of)]
Languages = Annotated[list[str], BeforeValidator(_words_of), AfterValidator(_known_languages)]
Switch = Literal["on", "off", "auto"]


class OperatorSettings(BaseModel):
    """All of them; None: as the repository was built, or as the program that reads it has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="address that the server listens on")
    http_port: Port = Field(8000, description="of Triton's HTTP")
    grpc_port: Port = Field(8001, description="of Triton's gRPC, which clients use")
    metrics_port: Port = Field(8002, description="of the metrics for Prometheus")
    user: str | None = Field(None, description="account that the server runs as, where root starts it")
    gateway_host: str = Field("127.0.0.1", description="address that the gateway listens on")
    gateway_port: Port | Literal["off"] = Field(9880, description='of the gateway; "off": none')
    gateway_voice: str | None = Field(None, description="voice of requests that name none")
    gateway_origins: Words | None = Field(None, description="web origins whose pages may call")
    gateway_references: str | None = Field(None, description="folder whose files requests may name as references")
    gateway_keys: str | None = Field(None, description="file of the API keys")
    gateway_streams: Count | None = Field(None, description="answers that the gateway lets be spoken at once")
    gateway_share: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="largest part of them that one key or address may have while others ask"
    )
    max_streams: Count | None = Field(None, description="requests that are answered at once")
    max_start_s: Seconds | None = Field(None, description="an interactive request that would start later is refused")
    max_batch_start_s: Seconds | None = Field(None, description="a batch request")
    min_stream_speed: Annotated[float, Field(ge=0)] | None = Field(
        None, description="seconds of audio a second that each listener is to get, or the next is refused; 0: never"
    )
    slots: Count | None = Field(None, description="sentences that make tokens at once; each has memory of its own")
    threads: Count | None = Field(None, description="of a stage on a CPU")
    languages: Languages | None = Field(
        None, description='that are read at start, such as "en ja"; any other with its first text; "off": none'
    )
    max_voices: Count | None = Field(None, description="voices that may be registered")
    model_memory: Bytes | None = Field(None, description='of fine-tunes that are loaded beside the first, such as "8G"')
    cache_memory: Bytes | None = Field(None, description='of the cache in memory, such as "256M"; 0: none')
    cache_disk: Bytes | None = Field(None, description="of the cache on disk; 0: none")
    cache_redis_url: str | None = Field(None, description='that servers share, redis://host:6379/0; "off": none')
    cache_ttl_s: Seconds | None = Field(None, description="how long Redis keeps an entry")
    log_size: Bytes = Field(20_000_000, description="of a log; then a new one is begun")
    log_files: Annotated[int, Field(ge=0, le=99)] = Field(5, description="older logs that are kept")
    log_format: Literal["text", "json"] = Field("text", description="of our lines in the log")
    preload: Switch = Field("auto", description="loads our repairs into tritonserver")
    cancel_pause: Switch = Field("auto", description="ends a stream 0.25 s after its client has left")
    metrics_thread: Switch = Field("auto", description="lets one thread of a model speak of metrics")
    reload_hold: Switch = Field("auto", description="keeps a dead `tts` away for 2.5 s")


_FIELDS = OperatorSettings.model_fields
# Model: parameter of its config.pbtxt: setting. "max_batch_size" and "max_candidate_sequences" are Triton's own.
_OF_MODELS: Mapping[str, Mapping[str, str]] = {
    "tts": {
        "max_streams": "max_streams",
        "max_start_s": "max_start_s",
        "max_batch_start_s": "max_batch_start_s",
        "min_stream_throughput": "min_stream_speed",
        "t2s_slots": "slots",
        "cache_memory_bytes": "cache_memory",
        "cache_disk_bytes": "cache_disk",
        "cache_redis_url": "cache_redis_url",
        "cache_ttl_s": "cache_ttl_s",
    },
    "voices": {"max_voices": "max_voices"},
    "models": {"loaded_bytes": "model_memory"},
    "t2s": {"slots": "slots", "max_batch_size": "slots", "max_candidate_sequences": "slots"},
}
_OF_ANY_MODEL = {"intra_op_threads": "threads"}


def variable(setting: str) -> str:
    """The environment variable of a setting."""
    return f"{_PREFIX}{setting.upper()}"


def with_file(state: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment, with what the operator's file says as variables that are not set.

    Args:
        state: folder of the server's state.
        environment: of this process.

    Raises:
        ServerFailed: the file cannot be read, or a setting is unknown or not as it must be; with each such setting.
    """
    path = state / FILE
    given = _read(path)
    _check(given, str(path), str)
    texts = {variable(name): _text(value) for name, value in given.items()}
    merged = {**texts, **environment}
    _check(_from_variables(environment), "the environment", variable)
    return merged


def settings_of(environment: Mapping[str, str]) -> OperatorSettings:
    """The settings that an environment has; of variables with our prefix that are no settings nothing is said.

    Raises:
        ServerFailed: a value is not as it must be.
    """
    given = _from_variables(environment)
    _check(given, "", variable)
    return OperatorSettings.model_validate(given)


def decided(environment: Mapping[str, str]) -> dict[str, str]:
    """What differs from what it would be by itself, by name, as text."""
    chosen = settings_of(environment)
    return {name: _text(getattr(chosen, name)) for name in _FIELDS if getattr(chosen, name) != _FIELDS[name].default}


def log_of(path: Path, environment: Mapping[str, str]) -> Log:
    """A log, as long and as often kept as the operator says."""
    settings = settings_of(environment)
    return Log(path, settings.log_size, settings.log_files)


def model_values(settings: OperatorSettings, model: str) -> dict[str, str]:
    """What of a model's config.pbtxt the operator has decided, by the name that it has there."""
    names = {**_OF_MODELS.get(model, {}), **_OF_ANY_MODEL}
    values = {name: getattr(settings, setting) for name, setting in names.items()}
    values["cache_redis_url"] = "" if settings.cache_redis_url == "off" else values.get("cache_redis_url")
    return {name: _text(value) for name, value in values.items() if value is not None}


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as failure:
        raise ServerFailed(f"{path} cannot be read ({failure.strerror}); give it to this user") from None
    except ValueError as failure:
        raise ServerFailed(f"{path} is no TOML: {failure}; a line is such as: slots = 16") from None


def _from_variables(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: environment[variable(name)] for name in _FIELDS if environment.get(variable(name), "") != ""}


def _text(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _check(given: Mapping[str, Any], where: str, spelled: Any) -> None:
    try:
        OperatorSettings.model_validate(given)
    except ValidationError as failure:
        problems = "; ".join(dict.fromkeys(_problem(error, spelled) for error in failure.errors()))
        raise ServerFailed(f"{where}: {problems}" if where else problems) from None


def _problem(error: Any, spelled: Any) -> str:
    name = str(error["loc"][0])
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, _FIELDS, 1)
        return f"{name} is no setting; " + (f"is it {near[0]}?" if near else f"there are {', '.join(_FIELDS)}")
    need = error["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    return f"{spelled(name)} is {error['input']!r}; need {need} ({_FIELDS[name].description})"
