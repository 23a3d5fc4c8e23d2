"""Lines of the log: as text, or each as one JSON object with the event and its values apart."""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections.abc import Mapping
from typing import Any

FORMAT = "GSV_LOG_FORMAT"  # environment variable: text or json
_TEXT = "%(asctime)s %(levelname).1s %(name)s %(message)s"
_VALUE = re.compile(r"""(?P<name>[a-z]\w*)=(?P<value>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\S*)""")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def configure(environment: Mapping[str, str] = os.environ) -> None:
    """Send this process's records to stderr, which the server's log collects, as the operator has it."""
    formatter = JsonLines() if environment.get(FORMAT) == "json" else logging.Formatter(_TEXT)
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


class JsonLines(logging.Formatter):
    """A record as one JSON object: time (UTC), level, logger, event, its values, and the cause of a failure."""

    def format(self, record: logging.LogRecord) -> str:
        """Write it in one line."""
        message = record.getMessage()
        first = _VALUE.search(message)
        event = (message if first is None else message[: first.start()]).strip()
        values = {found["name"]: _typed(found["value"]) for found in _VALUE.finditer(message)}
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{when}.{record.msecs:03.0f}Z",
            "level": record.levelname,
            "logger": record.name,
            "event": event,
            **values,
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _typed(text: str) -> str | float | int:
    if _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return text[1:-1] if text[:1] in ("'", '"') and text[-1:] == text[:1] and len(text) > 1 else text
