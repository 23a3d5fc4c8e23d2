"""Connections as uvicorn has them, but for what any client can do to it.

It waits for ever, for the head of a request and for who does not take the end of an answer. It does not tell how much
waits to be read. It takes all that came in one go, such as 40,000 pings, while everybody waits. It keeps every pong
for who reads none, and every part of a message. Text over a WebSocket that is no UTF-8 leaves traces in its log.
"""

from __future__ import annotations

import asyncio
import struct
import sys
from abc import abstractmethod
from functools import partial
from typing import Any

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from gsv_gateway.settings import Limits
from gsv_gateway.stalls import ABORT, UNREAD

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


class InTurns(asyncio.Protocol):
    """Takes a little of what came, then lets others have their turn."""

    piece_bytes = 8 << 10
    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._untaken = bytearray()
        self._is_next = False

    @abstractmethod
    def take(self, data: bytes) -> None:
        """Do what these bytes ask for."""

    @property
    @abstractmethod
    def is_full(self) -> bool:
        """Whether more is not wanted for other reasons."""

    def data_received(self, data: bytes) -> None:
        """Take the first of it now."""
        self._untaken += data
        if not self._is_next:
            self._take_next()

    def hold(self) -> None:
        """Read no more before all is taken; to be called when uvicorn has begun to read again."""
        if self._untaken:
            self.transport.pause_reading()

    def _take_next(self) -> None:
        piece = bytes(self._untaken[: self.piece_bytes])
        del self._untaken[: self.piece_bytes]
        self._is_next = bool(self._untaken)
        self.take(piece)
        if self.transport.is_closing() or self.transport.get_protocol() is not self:  # nobody is there, or another one
            self._untaken.clear()
        self._is_next = bool(self._untaken)
        if self._is_next:
            self.transport.pause_reading()
            self.loop.call_soon(self._take_next)
        elif not self.is_full:
            self.transport.resume_reading()


class _Flow(FlowControl):
    """Reads again when uvicorn wants to, unless there is enough."""

    def __init__(self, transport: asyncio.Transport, protocol: InTurns) -> None:
        super().__init__(transport)
        self._protocol = protocol

    def resume_reading(self) -> None:
        """Read again."""
        super().resume_reading()
        self._protocol.hold()


class HeadInTime(InTurns, H11Protocol):
    """HTTP/1.1 that hangs up on who does not send the whole head of a request in time, or does not take the end of an
    answer, and tells what waits to be read.

    Attributes:
        head_s: Longest time for it, in seconds, from the connection's begin or from the first byte after an answer.
        rest_s: For how long nothing of what is left of an answer may be taken: a player reads when it has played.
        held_rest_s: The same where much is held for all.
        much_bytes: How much that is.
    """

    head_s = Limits.head_s
    rest_s, held_rest_s = Limits.rest_s, Limits.crowded_stall_s
    much_bytes = Limits.unread_bytes

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._late: asyncio.TimerHandle | None = None
        self._left_bytes, self._taken_s = 0, 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head."""
        super().connection_made(transport)
        self.flow = _Flow(transport, self)
        self.app_state = {**self.app_state, UNREAD: partial(unread_bytes, transport), ABORT: transport.abort}
        self._expect_head()
        self._look_at_the_rest()

    def take(self, data: bytes) -> None:
        """Wait no longer where these bytes end a head; wait from now where they begin one."""
        H11Protocol.data_received(self, data)
        if self._is_busy:
            self._end_wait()
        elif self._late is None:
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is waited for."""
        self._end_wait()
        super().connection_lost(exc)

    @property
    def is_full(self) -> bool:
        """Whether as much of a body waits as may, or a request behind the one that is answered."""
        return self.flow.read_paused

    @property
    def _is_busy(self) -> bool:
        """Whether a request is being answered, or a WebSocket has taken over."""
        if self.transport.get_protocol() is not self:
            return True
        return self.cycle is not None and not self.cycle.response_complete

    def _look_at_the_rest(self) -> None:
        """Hang up where an answer is over and the other side does not take what is left of it; then look again."""
        left_bytes, now_s = unread_bytes(self.transport), self.loop.time()
        is_held, is_closing = self.transport.get_write_buffer_size() > 0, self.transport.is_closing()
        if left_bytes != self._left_bytes or not is_held or (self._is_busy and not is_closing):
            self._left_bytes, self._taken_s = left_bytes, now_s
        elif now_s - self._taken_s >= self._patience_s:
            self.transport.abort()
            return
        if is_held or not is_closing:
            self.loop.call_later(min(self.held_rest_s, self.rest_s) / 2, self._look_at_the_rest)

    @property
    def _patience_s(self) -> float:
        held_bytes = sum(each.transport.get_write_buffer_size() for each in self.connections)
        return self.held_rest_s if held_bytes > self.much_bytes else self.rest_s

    def _expect_head(self) -> None:
        self._late = self.loop.call_later(self.head_s, self.timeout_keep_alive_handler)

    def _end_wait(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


class TextOrBytes(InTurns, WebSocketsSansIOProtocol):
    """A WebSocket that hands on text which is no UTF-8 as bytes: it is refused where other bytes are.

    Parts of a message are kept as one, and who has much to read gets no pongs.
    """

    def take(self, data: bytes) -> None:
        """Do what these frames ask for."""
        WebSocketsSansIOProtocol.data_received(self, data)

    @property
    def is_full(self) -> bool:
        """Whether a message waits."""
        return self.read_paused

    async def receive(self) -> Any:
        """The next message; uvicorn may read again behind it."""
        message = await super().receive()
        self.hold()
        return message

    def handle_ping(self) -> None:
        """Answer, unless the other side has not read what it was sent before."""
        if self.transport.get_write_buffer_size() <= HIGH_WATER_LIMIT:
            super().handle_ping()
        else:
            self.conn.data_to_send()  # the pong

    def handle_cont(self, event: Frame) -> None:
        """Add a part to those that came."""
        if not isinstance(self.frames[0], bytearray):
            self.frames = [bytearray(self.frames[0])]  # type: ignore[list-item]
        self.frames[0] += event.data
        if event.fin:
            self.frames = [bytes(self.frames[0])]
            self.send_receive_event_to_app()

    def send_receive_event_to_app(self) -> None:
        """Hand on a message that is whole."""
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode("utf-8")
            except UnicodeDecodeError:
                self.curr_msg_data_type = "bytes"
        super().send_receive_event_to_app()
