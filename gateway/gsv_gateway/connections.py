"""Connections as uvicorn has them, but for what any client can do to it.

It waits for the head of a request for ever, does not tell how much waits to be read, and text over a WebSocket that is
no UTF-8 leaves traces in its log.
"""

from __future__ import annotations

import asyncio
import struct
import sys
from functools import partial
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from gsv_gateway.settings import Limits
from gsv_gateway.stalls import UNREAD

if sys.platform == "win32":  # which does not tell

    def _queued_bytes(_: int) -> int:
        return 0

else:
    import fcntl
    import termios

    def _queued_bytes(descriptor: int) -> int:
        """What the kernel has of what was sent, and the other side has not taken."""
        (found,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4)))
        return int(found)


def unread_bytes(transport: asyncio.Transport) -> int:
    """Bytes that wait for the other side, here and in the kernel."""
    try:
        queued = _queued_bytes(transport.get_extra_info("socket").fileno())
    except (OSError, ValueError):  # it is closed
        queued = 0
    return transport.get_write_buffer_size() + queued


class HeadInTime(H11Protocol):
    """HTTP/1.1 that hangs up on who does not send the whole head of a request in time, and tells what waits to be read.

    Attributes:
        head_s: Longest time for it, in seconds, from the connection's begin or from the first byte after an answer.
    """

    head_s = Limits.head_s

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, UNREAD: partial(unread_bytes, transport)}
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Wait no longer where these bytes end a head; wait from now where they begin one."""
        super().data_received(data)
        if self._is_busy:
            self._end_wait()
        elif self._late is None:
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is waited for."""
        self._end_wait()
        super().connection_lost(exc)

    @property
    def _is_busy(self) -> bool:
        """Whether a request is being answered, or a WebSocket has taken over."""
        if self.transport.get_protocol() is not self:
            return True
        return self.cycle is not None and not self.cycle.response_complete

    def _expect_head(self) -> None:
        self._late = self.loop.call_later(self.head_s, self.timeout_keep_alive_handler)

    def _end_wait(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


class TextOrBytes(WebSocketsSansIOProtocol):
    """A WebSocket that hands on text which is no UTF-8 as bytes: it is refused where other bytes are."""

    def send_receive_event_to_app(self) -> None:
        """Hand on a message that is whole."""
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode("utf-8")
            except UnicodeDecodeError:
                self.curr_msg_data_type = "bytes"
        super().send_receive_event_to_app()
