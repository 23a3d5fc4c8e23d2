"""pipecat's OpenAITTSService in a pipeline of its own, unmodified. Prints JSON."""

import asyncio
import json
import sys

from pipecat.frames.frames import EndFrame, ErrorFrame, TTSAudioRawFrame, TTSSpeakFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineTask
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.openai.tts import OpenAITTSService

seen: dict = {"bytes": 0, "rates": [], "errors": []}


class Ear(FrameProcessor):
    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            seen["bytes"] += len(frame.audio)
            seen["rates"] = sorted({*seen["rates"], frame.sample_rate})
        if isinstance(frame, ErrorFrame):
            seen["errors"].append(str(frame.error))
        await self.push_frame(frame, direction)


async def main():
    speaker = OpenAITTSService(
        api_key="not-needed", base_url=f"{sys.argv[1]}/v1", settings=OpenAITTSService.Settings(voice="alloy")
    )
    task = PipelineTask(Pipeline([speaker, Ear()]))
    await task.queue_frames([TTSSpeakFrame("Hello there, how are you?"), EndFrame()])
    await PipelineRunner(handle_sigint=False).run(task)
    sys.stdout.write(json.dumps(seen) + "\n")


asyncio.run(main())
