"""Install the clients that the tests use, each into an environment of its own under var/clients. Talk goes to stderr.

A client that cannot be installed is named and left out; its test then says so.
"""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

FOLDER = Path(__file__).parents[3] / "var" / "clients"
PYTHON = {
    "deepgram": ["deepgram-sdk==7.17.0"],
    "livekit": ["livekit-agents==1.8.9", "livekit-plugins-openai==1.8.9", "livekit-plugins-deepgram==1.8.9"],
    "nonebot": ["nonebot-plugin-gpt-sovits==0.2.0", "nonebot2", "aiohttp", "pydub"],
    "pipecat": ["pipecat-ai[openai]==1.14.0"],
    "realtimetts": ["RealtimeTTS[openai]==0.8.10"],
    "schemathesis": ["schemathesis==4.32.0"],
}
NODE = [
    "openai@6.49.0",
    "playwright-core@1.65.1",
    "axe-core",
    "onnxruntime-node@1.30.0",
    "onnxruntime-web@1.30.0",
    "typescript@7.0.2",
    "fake-indexeddb@6.2.8",
]


def say(text):
    sys.stderr.write(f"{text}\n")


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, packages in PYTHON.items():
        done = FOLDER / name / ".installed"
        if done.exists() and done.read_text() == " ".join(packages):
            continue
        say(f"installing {' '.join(packages)}")
        venv.create(FOLDER / name, with_pip=True, clear=True)
        pip = [str(FOLDER / name / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        if subprocess.run([*pip, *packages], check=False).returncode == 0:
            done.write_text(" ".join(packages))
        else:
            say(f"{name} cannot be installed here; its test is skipped")
    done = FOLDER / "node" / ".installed"
    if shutil.which("npm") and not (done.exists() and done.read_text() == " ".join(NODE)):
        say(f"installing {' '.join(NODE)}")
        node = FOLDER / "node"
        node.mkdir(exist_ok=True)
        npm = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(node)]
        without_cuda = {**os.environ, "ONNXRUNTIME_NODE_INSTALL": "skip"}
        if subprocess.run([*npm, *NODE], check=False, env=without_cuda).returncode == 0:
            done.write_text(" ".join(NODE))
        else:
            say("the packages of Node.js cannot be installed here; their tests are skipped")


if __name__ == "__main__":
    main()
