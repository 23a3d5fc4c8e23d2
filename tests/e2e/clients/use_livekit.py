"""livekit-plugins-openai and -deepgram, unmodified. Prints JSON."""

import asyncio
import json
import sys

import aiohttp
from livekit.plugins import deepgram, openai

url = sys.argv[1]
TEXT = "Hello there, how are you?"


async def main():
    seen = {}
    for model, response_format in (("gpt-4o-mini-tts", "mp3"), ("tts-1", "wav"), ("tts-1", "pcm"), ("tts-1", "opus")):
        speaker = openai.TTS(
            base_url=f"{url}/v1", api_key="not-needed", model=model, voice="ash", response_format=response_format
        )
        frame = await speaker.synthesize(TEXT).collect()
        seen[f"{model} {response_format}"] = frame.duration
        await speaker.aclose()
    async with aiohttp.ClientSession() as session:
        speaker = deepgram.TTS(base_url=f"{url}/v1/speak", api_key="not-needed", http_session=session)
        seen["deepgram http"] = (await speaker.synthesize(TEXT).collect()).duration
        async with speaker.stream() as stream:
            for word in TEXT.split(" "):
                stream.push_text(word + " ")
            stream.end_input()
            seen["deepgram stream"] = sum([event.frame.duration async for event in stream])
        await speaker.aclose()
    sys.stdout.write(json.dumps(seen) + "\n")


asyncio.run(main())
