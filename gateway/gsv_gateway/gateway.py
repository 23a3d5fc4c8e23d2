"""One gateway: what its routes share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

from starlette.requests import HTTPConnection

from gsv_client import AsyncClient, Options, ServerBusy
from gsv_gateway import tracing
from gsv_gateway.access import Caller
from gsv_gateway.audio.encodec import Encodec
from gsv_gateway.choices import open_choices
from gsv_gateway.chosen_weights import ChosenWeights
from gsv_gateway.door import Door
from gsv_gateway.keys import KeyStore
from gsv_gateway.metrics import Metrics
from gsv_gateway.models import Models
from gsv_gateway.problems import RequestRefused, problem_of
from gsv_gateway.settings import Settings, is_loopback
from gsv_gateway.stalls import Stalls
from gsv_gateway.streams import SHARE_TAKEN, StreamLimit
from gsv_gateway.tritons import LatentSpeech, Speech, Tritons
from gsv_gateway.voices import Voices


class Gateway:
    """The servers behind, the voices, who may come in, and what is counted.

    Args:
        settings: What the operator decided.
        clients: A client of each server; made of the settings unless given.

    Raises:
        ValueError: The folder of EnCodec has none.
    """

    def __init__(self, settings: Settings, clients: Sequence[AsyncClient] | None = None) -> None:
        self.settings = settings
        retries = 2 if len(settings.tritons) == 1 else 0  # where there are several, the next one is asked instead
        made = [
            AsyncClient(url, settings.timeout_s, retries=retries, headers=tracing.headers) for url in settings.tritons
        ]
        self.tritons = Tritons(made if clients is None else clients)
        self.voices = Voices(self.tritons, settings)
        self.models = Models(self.tritons, ChosenWeights(open_choices(settings.choices, settings.keys_file)))
        self.streams = StreamLimit(settings.limits)
        self.stalls = Stalls(settings.limits, is_half_taken=self.streams.is_half_taken)
        self.metrics = Metrics()
        self.metrics.active.set_function(lambda: self.streams.active)
        self.door = Door(
            KeyStore(settings.keys_file),
            open_without_keys=settings.without_keys or is_loopback(settings.host),
            open_without_any_left=settings.without_keys,
        )
        self.encodec = Encodec.open(settings.encodec) if settings.encodec else None
        self.stopping = False

    async def close(self) -> None:
        """Let the servers and what is shared with other gateways go."""
        await self.tritons.close()
        await self.models.chosen.close()

    async def caller(self, connection: HTTPConnection, secret: str | None = None) -> Caller:
        """Whose request this is; see `Door.caller`."""
        with self._counted_refusals():
            caller = await self.door.caller(connection, secret)
        caller = replace(caller, address=connection.client.host if connection.client else "")
        if caller.key_id:
            connection.scope.get("state", {}).get("notes", {})["key"] = caller.key_id
        return caller

    @asynccontextmanager
    async def speak(self, text: str, options: Options, caller: Caller) -> AsyncIterator[Speech]:
        """Enter when the first chunk is there; see `Tritons.speak`.

        Raises:
            RequestRefused: Too many answers are being spoken, by all or for this caller, or its key was revoked
                meanwhile.
        """
        with self._let_in(text, options, caller):
            async with self.tritons.speak(text, options) as speech:
                yield speech

    @asynccontextmanager
    async def speak_latents(
        self, text: str, options: Options, kbit_s: float, known_voice: str, caller: Caller
    ) -> AsyncIterator[LatentSpeech]:
        """The same of latents; see `Tritons.latents`."""
        with self._let_in(text, options, caller):
            async with self.tritons.latents(text, options, kbit_s, known_voice) as speech:
                yield speech

    @contextmanager
    def _let_in(self, text: str, options: Options, caller: Caller) -> Iterator[None]:
        """Have the caller's place among the streams."""
        self.door.check_again(caller)
        span = tracing.span("speech", characters=len(text), voice=options.get("voice") or "")
        with self._counted_refusals(), self._noted_refusals(), self.streams.taken(caller), span:
            yield

    @contextmanager
    def _counted_refusals(self) -> Iterator[None]:
        """Count who is told to come back later, and why."""
        try:
            yield
        except (ServerBusy, RequestRefused) as error:
            problem = problem_of(error)
            if problem.status in (429, 503):
                self.metrics.refused.labels(problem.code).inc()
            raise

    @contextmanager
    def _noted_refusals(self) -> Iterator[None]:
        """Learn from a refusal how much the servers speak, and that who takes nothing of an answer is in the way."""
        try:
            yield
        except ServerBusy as busy:
            self.stalls.note_refusal()
            self.streams.note_refusal(busy.streams and busy.streams * len(self.tritons.all))
            raise
        except RequestRefused as refused:
            if refused.status == 503 or refused.code == SHARE_TAKEN:
                self.stalls.note_refusal()
            raise

    async def own_model(self, caller: Caller) -> Options:
        """Which model speaks to a caller whose request names none: what it chose by its weights; else nothing."""
        model = await self.models.default(caller.caller_id)
        return {"model": model} if model is not None else {}

    def check_text(self, text: str, name: str = "input") -> str:
        """The text, if it can be spoken; `name` is the field that it came in.

        Raises:
            RequestRefused: It cannot.
        """
        longest = self.settings.limits.text_characters
        if not text.strip():
            raise RequestRefused(400, f"{name} is empty; need text to say", param=name)
        if len(text) > longest:
            message = f"{name} has {len(text)} characters; need at most {longest}; send it in parts"
            raise RequestRefused(400, message, param=name)
        return text

    def record(self, api: str) -> AnswerRecord:
        """Who counts one answer of an API."""
        return AnswerRecord(self.metrics, api)


class AnswerRecord:
    """Counts one answer."""

    def __init__(self, metrics: Metrics, api: str) -> None:
        self._metrics, self._api = metrics, api

    def first_audio(self, after_s: float) -> None:
        """The first bytes of sound are leaving."""
        self._metrics.first_audio_s.labels(self._api).observe(after_s)

    def interrupted(self) -> None:
        """The listener wanted no more of it."""
        self._metrics.cancelled.labels(self._api, "interrupted").inc()

    def ended(self, audio_s: float, reason: str) -> None:
        """The answer is over."""
        self._metrics.audio_s.labels(self._api).inc(audio_s)
        if reason != "done":
            self._metrics.cancelled.labels(self._api, reason).inc()
