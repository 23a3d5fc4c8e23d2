"""`gsv-local serve`: the gateway before an engine in the same process."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from gsv_gateway.app import create_app
from gsv_gateway.serving import check_access, serve
from gsv_gateway.settings import DEFAULT_KEYS_FILE, Limits, Settings
from gsv_local.clients import open_async_client
from gsv_local.connection import LocalConnection

logger = logging.getLogger("gsv.local")


def serve_bundle(
    connection: LocalConnection,
    *,
    host: str,
    port: int,
    default_voice: str,
    keys_file: Path | None,
    web_runtime: Path | None,
    drain_s: int,
    without_keys: bool,
) -> int:
    """Serve until told to stop; return the exit status.

    Args:
        connection: What to run.
        host: Address to listen on.
        port: Port; 0 takes a free one.
        default_voice: Who speaks where no voice is named; empty: the bundle's.
        keys_file: Of API keys; None: where the gateway keeps them.
        web_runtime: Folder with onnxruntime-web's files.
        drain_s: Seconds that streams may take to end at a stop.
        without_keys: Serve everybody, although other machines reach the address.
    """
    logging.getLogger().setLevel(logging.INFO)
    settings = Settings(
        host=host,
        port=port,
        tritons=(),
        default_voice=default_voice or connection.bundle.default_voice,
        keys_file=keys_file or DEFAULT_KEYS_FILE,
        without_keys=without_keys,
        bundle=connection.bundle.folder,
        web_runtime=web_runtime,
    )
    streams = int(connection.bundle.parameters["tts"]["max_streams"])
    settings = replace(settings, limits=Limits(streams=streams))
    check_access(settings)
    engine = connection.engine()
    try:
        logger.info("gateway http://%s:%d bundle=%s", host, port, connection.bundle.folder)
        return serve(create_app(settings, [open_async_client(engine)]), settings, drain_s)
    finally:
        engine.close()
