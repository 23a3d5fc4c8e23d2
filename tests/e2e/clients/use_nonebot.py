"""nonebot-plugin-gpt-sovits, unmodified: its two APIs, and what it makes of an error. Prints JSON."""

import asyncio
import json
import sys

import nonebot

nonebot.init(
    driver="~none",
    gpt_sovits_emotion_map=[
        {"name": "calm", "sentences": [{"text": "the same words", "language": "en", "path": "voices/low.wav"}]}
    ],
    gpt_sovits_api_base_url=sys.argv[1],
)
nonebot.load_plugin("nonebot_plugin_gpt_sovits")
from nonebot_plugin_gpt_sovits.utils import generate, generate_v2, get_wav_duration  # noqa: E402


async def main():
    url = sys.argv[1]
    second = await generate_v2(
        url, "Hello there.", "en", "voices/low.wav", prompt_text="the same words", prompt_lang="en"
    )
    first = await generate(url, "voices/low.wav", "the same words", "英文", "Hello there.", "英文")
    try:
        await generate_v2(url, "Hello there.", "en", "voices/nobody.wav", prompt_lang="en")
        error = ""
    except ValueError as refused:
        error = str(refused)
    sys.stdout.write(
        json.dumps({"v2_s": get_wav_duration(second), "v1_s": get_wav_duration(first), "error": error}) + "\n"
    )


asyncio.run(main())
