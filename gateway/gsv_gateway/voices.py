"""The voices that a caller may see, and what their names stand for.

A voice that belongs to a key is registered under ``own-<key id>-<name>``, so that no gateway keeps a list of its own,
two keys may have an "ann" each, and several gateways agree.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from gsv_client import Voice, VoiceNotFound
from gsv_client.protocol import ReferenceAudio
from gsv_gateway.access import EVERYONE, OWN_VOICE, Caller, shown_name
from gsv_gateway.problems import RequestRefused
from gsv_gateway.settings import OPENAI_VOICES, Settings
from gsv_gateway.shared_list import SharedList
from gsv_gateway.tritons import Tritons

FRESH_S, OLD_S = 5.0, 25.0  # for which a list of voices is taken as it is; how much older it may be to speak by
DEMO = "demo"
_DEEPGRAMS = "aura-"  # how the names of Deepgram's models begin, each of which is a voice
_NAME = re.compile(r"[A-Za-z0-9_-]{1,50}")


class Voices:
    """Lists, resolves, registers and deletes.

    Args:
        tritons: The servers that keep the voices.
        settings: Default voice and aliases.
        clock: Seconds that only grow.
    """

    def __init__(self, tritons: Tritons, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._tritons, self._settings = tritons, settings
        self._aliases = {alias.lower(): voice for alias, voice in settings.aliases.items()}
        self._list = SharedList(lambda: tritons.first(lambda triton: triton.client.list_voices()), FRESH_S, clock)

    async def visible(self, caller: Caller) -> list[Voice]:
        """The voices that the caller may use, its own by their short names and in place of shared ones so named."""
        shared: dict[str, Voice] = {}
        own: dict[str, Voice] = {}
        for voice in await self._list.get():
            if caller.may_use(voice.voice):
                found = own if OWN_VOICE.fullmatch(voice.voice) else shared
                found[shown_name(voice.voice)] = replace(voice, voice=shown_name(voice.voice))
        return [*own.values(), *(voice for name, voice in shared.items() if name not in own)]

    async def resolve(self, name: str, caller: Caller) -> str:
        """The server's id of a voice.

        Args:
            name: Of a voice in any case, an alias, or one of OpenAI's; empty: the default.
            caller: Who asks.

        Raises:
            VoiceNotFound: There is none of that name for this caller.
        """
        name = name.strip()
        found = await self._find(name, caller, old_s=OLD_S)
        if found is None:  # registered a moment ago, perhaps by another gateway
            found = await self._find(name, caller, self._list.asked)
        if found is not None:
            return found
        visible = sorted(voice.voice for voice in await self.visible(caller))
        if not visible:
            raise VoiceNotFound("no voice is registered; POST one to /v1/audio/voices, or use the page at /")
        shown = ", ".join(visible[:10])
        raise VoiceNotFound(f"voice {name or 'default'!r} is not registered; need one of {shown}")

    async def _find(self, name: str, caller: Caller, outdated: int = 0, old_s: float = 0.0) -> str | None:
        voices = await self._list.get(outdated, old_s=old_s)
        usable = [voice.voice for voice in voices if caller.may_use(voice.voice)]
        if name:
            for candidate in (name, self._aliases.get(name.lower(), "")):
                if candidate and (found := _match(candidate, usable, caller)):
                    return found
            if name.lower() not in (*OPENAI_VOICES, "default") and not name.lower().startswith(_DEEPGRAMS):
                return None
        for candidate in (self._settings.default_voice, "" if self._settings.default_voice else DEMO):
            if candidate and (found := _match(candidate, usable, caller)):
                return found
        return None if self._settings.default_voice or not usable else sorted(usable)[0]

    async def default_name(self, caller: Caller) -> str:
        """The voice of requests that name none; empty where there is none."""
        return shown_name(await self._find("", caller) or "")

    async def any_of_all(self) -> str | None:
        """The server's id of the default voice, else of the first of any key's; None where there is none."""
        return await self._find("", EVERYONE) or next(iter(sorted(voice.voice for voice in self._list.last)), None)

    async def register(
        self,
        name: str,
        reference: ReferenceAudio,
        prompt_text: str | None,
        prompt_language: str | None,
        caller: Caller,
        *,
        trim: bool | None = None,
        aux: Sequence[ReferenceAudio] = (),
        model: str | None = None,
    ) -> Voice:
        """Register a voice for the caller, at every server; `aux` are more clips of its speaker.

        Raises:
            RequestRefused: The key may not, or the name will not do.
            InvalidRequest: The clip will not do.
        """
        if not caller.may_register:
            raise RequestRefused(403, "this key may not register voices; ask the operator", code="not_allowed")
        if not _NAME.fullmatch(name) or OWN_VOICE.fullmatch(name):
            message = f"voice name is {name[:60]!r}; need 1 to 50 of a-z A-Z 0-9 _ -"
            raise RequestRefused(400, message, param="name")
        voice_id = caller.own_id(name)
        registered = await self._tritons.every(
            lambda triton: triton.client.register_voice(
                voice_id,
                reference,
                prompt_text,
                prompt_language,
                trim_reference=trim,
                aux_reference_audio=aux,
                model=model,
            )
        )
        self.forget()
        return replace(registered[0], voice=name)

    async def delete(self, name: str, caller: Caller) -> None:
        """Delete a voice of the caller's, at every server.

        Raises:
            VoiceNotFound: The caller has none of that name.
            RequestRefused: It is a shared one, which the key may not change.
        """
        self.forget()
        usable = [voice.voice for voice in await self._list.get() if caller.may_use(voice.voice)]
        voice_id = _match(name, usable, caller)
        if voice_id is None:
            raise VoiceNotFound(f"voice {name[:60]!r} is not registered")
        if not OWN_VOICE.fullmatch(voice_id) and not caller.may_change_shared:
            raise RequestRefused(403, f"voice {name!r} is shared; this key may delete its own only", code="not_allowed")
        await self._tritons.every(lambda triton: triton.client.delete_voice(voice_id))
        self.forget()

    def forget(self) -> None:
        """Use no list that was asked for before now."""
        self._list.forget()


def _match(name: str, usable: list[str], caller: Caller) -> str | None:
    """The caller's own before shared ones, the same case before another."""
    own = {voice_id for voice_id in usable if OWN_VOICE.fullmatch(voice_id)}
    shared = [voice_id for voice_id in usable if voice_id not in own]
    if caller.own_id(name) in own:
        return caller.own_id(name)
    if name in shared:
        return name
    for voice_id in (*sorted(own), *sorted(shared)):
        if shown_name(voice_id).lower() == name.lower():
            return voice_id
    return None
