"""Run the application until told to stop, for whom the operator lets in."""

from __future__ import annotations

import logging
import os
import signal

import click
import uvicorn
from fastapi import FastAPI

from gsv_gateway.connections import HeadInTime, TextOrBytes
from gsv_gateway.keys import KeyStore, KeysUnreadable
from gsv_gateway.settings import Settings, is_loopback

_THIS_MACHINE = ("127.0.0.1", "::1")


def serve(app: FastAPI, settings: Settings, drain_s: int) -> int:
    """Serve; return the exit status, 1 where the port could not be opened.

    Args:
        app: Of `app.create_app`.
        settings: Address and limits.
        drain_s: Seconds that streams may take to end at a stop.
    """
    for number in (signal.SIGINT, signal.SIGTERM):  # uvicorn raises again what stopped it
        signal.signal(number, lambda *_: None)
    server = uvicorn.Server(configured(app, settings, drain_s))
    server.run()
    return 0 if server.started else 1


def configured(app: FastAPI, settings: Settings, drain_s: int) -> uvicorn.Config:
    """How uvicorn is to serve; arguments as `serve`."""
    logging.getLogger("uvicorn.error").addFilter(without_queries)
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=HeadInTime,  # h11 is the only one that bounds what it keeps of an unfinished head
        h11_max_incomplete_event_size=settings.limits.header_bytes,
        ws=TextOrBytes,
        ws_max_size=settings.limits.json_bytes,
        timeout_graceful_shutdown=drain_s,
        log_config=None,
        access_log=False,
        server_header=False,
        ws_per_message_deflate=False,  # speech does not shrink, and what is taken is counted in bytes
        forwarded_allow_ips=believed(os.environ.get("FORWARDED_ALLOW_IPS", "")),
    )


def believed(named: str) -> str:
    """Whose `X-Forwarded-For` counts: that of proxies on this machine, and of those that the operator names."""
    return "*" if named.strip() == "*" else ",".join([*_THIS_MACHINE, *filter(None, map(str.strip, named.split(",")))])


def without_queries(record: logging.LogRecord) -> bool:
    """Leave out uvicorn's line on a WebSocket: its query may hold a key, and the access log tells of it without."""
    return '"WebSocket %s"' not in str(record.msg)


def check_access(settings: Settings) -> None:
    """Refuse to serve whom it should not.

    Raises:
        click.UsageError: Other machines reach the address and no key is set, or the keys cannot be read.
    """
    try:
        keys = KeyStore(settings.keys_file).all()
    except KeysUnreadable as error:
        raise click.UsageError(str(error)) from None
    if not (keys or settings.without_keys or is_loopback(settings.host)):
        raise click.UsageError(
            f"--host {settings.host} lets other machines in and no API key is set; make one with "
            "`gsv keys add NAME`, or say --without-keys"
        )
