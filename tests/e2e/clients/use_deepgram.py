"""deepgram-sdk, unmodified: HTTP, and a WebSocket that is spoken to, interrupted and closed. Prints JSON."""

import json
import sys

from deepgram import DeepgramClient
from deepgram.environment import DeepgramClientEnvironment
from deepgram.speak.v1.types import SpeakV1Text

url = sys.argv[1]
socket_url = url.replace("http", "ws")
environment = DeepgramClientEnvironment(base=url, production=socket_url, agent=socket_url, agent_rest=url)
client = DeepgramClient(api_key="not-needed", environment=environment)
seen: dict = {"http_bytes": sum(len(part) for part in client.speak.v1.audio.generate(text="Hello there, how are you?"))}

audio, told = 0, []


def until(connection, kind):
    global audio
    while True:
        message = connection.recv()
        if isinstance(message, bytes):
            audio += len(message)
            continue
        told.append(message.type)
        if message.type == kind:
            return


with client.speak.v1.connect(model="aura-2-thalia-en", encoding="linear16", sample_rate=24000) as connection:
    for word in "Hello there, this is written word by word. ".split(" "):
        connection.send_text(SpeakV1Text(type="Speak", text=word + " "))
    connection.send_flush()
    until(connection, "Flushed")
    seen["socket_s"] = audio / 48_000
    connection.send_text(SpeakV1Text(type="Speak", text="A long sentence that nobody will hear to its end. " * 5))
    connection.send_clear()
    until(connection, "Cleared")
    connection.send_close()
seen["told"] = told
sys.stdout.write(json.dumps(seen) + "\n")
