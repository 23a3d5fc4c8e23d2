"""Files are fetched from a stand-in for the hub: resumed, checked, and refused when they are not what it says."""

import hashlib
import http.server
import json
import socket
import threading
from typing import Any

import pytest

from gsv_build.fetch import LOCK_FILE, FetchError, RemoteFile, digest_of, fetch, select

pytestmark = pytest.mark.slow

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = bytes(range(256)) * 5000
SMALL = b'{"model_type": "hubert"}\n'


def git_digest(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


class Hub:
    """What the stand-in serves, what it has been asked for, and how it misbehaves."""

    def __init__(self):
        self.files = {"s1v3.ckpt": LARGE, "dir/config.json": SMALL, "dir/flax_model.msgpack": b"x", "README.md": b"hi"}
        self.stated = {name: hashlib.sha256(data).hexdigest() for name, data in self.files.items()}
        self.cut_at = 0  # bytes after which a transfer of a large file breaks off
        self.ranges = []

    def description(self):
        siblings = []
        for name, data in self.files.items():
            sibling = {"rfilename": name, "size": len(data), "blobId": git_digest(data)}
            if len(data) > 1000:
                sibling["lfs"] = {"sha256": self.stated[name], "size": len(data), "pointerSize": 130}
            siblings.append(sibling)
        return {"id": "owner/name", "sha": COMMIT, "siblings": siblings}


class Handler(http.server.BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, *_):
        pass

    def do_GET(self):
        path = self.path.split("?")[0]
        if path == "/api/models/owner/name/revision/main":
            self.reply(200, json.dumps(self.hub.description()).encode(), "application/json")
        elif path.startswith("/api/"):
            missing = "RevisionNotFound" if "owner/name" in path else "RepoNotFound"
            self.reply(404, b"{}", "application/json", {"X-Error-Code": missing})
        else:
            self.send_file(path.removeprefix(f"/owner/name/resolve/{COMMIT}/"))

    def send_file(self, name):
        data, start = self.hub.files[name], 0
        if asked := self.headers.get("Range"):
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            self.hub.ranges.append(start)
        headers = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
        cut, self.hub.cut_at = self.hub.cut_at, 0
        self.reply(206 if start else 200, data[start:], "application/octet-stream", headers, cut)

    def reply(self, status, body, kind, headers=None, cut=0):
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:cut] if cut else body)
        if cut:
            self.close_connection = True


@pytest.fixture
def hub():
    handler: Any = type("BoundHandler", (Handler,), {"hub": Hub()})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    handler.hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield handler.hub
    server.shutdown()
    thread.join()
    server.server_close()


def get(hub, output, wanted=("s1v3.ckpt", "dir/"), revision="main", repository="owner/name"):
    return fetch(repository, revision, wanted, output, endpoint=hub.url)


def test_files_arrive_whole_and_the_lock_notes_commit_and_digests(hub, tmp_path):
    paths = get(hub, tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == ["s1v3.ckpt", "dir/config.json"]
    assert paths[0].read_bytes() == LARGE
    assert paths[1].read_bytes() == SMALL
    assert json.loads((tmp_path / LOCK_FILE).read_text()) == {
        f"owner/name@{COMMIT}": {
            "dir/config.json": f"git:{git_digest(SMALL)}",
            "s1v3.ckpt": f"sha256:{hashlib.sha256(LARGE).hexdigest()}",
        }
    }


def test_what_is_there_is_not_fetched_again(hub, tmp_path):
    first = get(hub, tmp_path)
    stamps = [path.stat().st_mtime_ns for path in first]
    assert [path.stat().st_mtime_ns for path in get(hub, tmp_path)] == stamps


def test_a_damaged_file_is_fetched_again(hub, tmp_path):
    path = get(hub, tmp_path)[0]
    path.write_bytes(LARGE[:-1] + b"!")
    assert get(hub, tmp_path)[0].read_bytes() == LARGE


def test_a_download_that_an_earlier_run_left_off_is_continued(hub, tmp_path):
    partial = tmp_path / f"s1v3.ckpt.{hub.stated['s1v3.ckpt'][:12]}.part"
    partial.write_bytes(LARGE[:700_000])
    assert get(hub, tmp_path)[0].read_bytes() == LARGE
    assert hub.ranges == [700_000]
    assert not partial.exists()


def test_a_transfer_cut_short_goes_on_where_it_broke_off(hub, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1 << 16)
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)
    hub.cut_at = 600_000
    assert get(hub, tmp_path, ["s1v3.ckpt"])[0].read_bytes() == LARGE
    assert hub.ranges == [600_000 // (1 << 16) * (1 << 16)]


def test_a_leftover_longer_than_the_file_is_dropped(hub, tmp_path):
    (tmp_path / f"s1v3.ckpt.{hub.stated['s1v3.ckpt'][:12]}.part").write_bytes(LARGE + b"more")
    assert get(hub, tmp_path)[0].read_bytes() == LARGE


@pytest.mark.parametrize("leftover", [b"", bytes(700_000), bytes(len(LARGE))])
def test_a_wrong_digest_is_refused_and_nothing_of_it_is_left(leftover, hub, tmp_path):
    (tmp_path / f"s1v3.ckpt.{hub.stated['s1v3.ckpt'][:12]}.part").write_bytes(leftover)
    if not leftover:
        hub.files["s1v3.ckpt"] = LARGE[:-1] + b"!"
    with pytest.raises(FetchError, match=r"s1v3\.ckpt has digest sha256:.*; need sha256:.*, as the hub states"):
        get(hub, tmp_path)
    assert not list(tmp_path.rglob("s1v3*"))


def test_a_commit_whose_content_changed_is_refused(hub, tmp_path):
    get(hub, tmp_path)
    hub.files["s1v3.ckpt"] = LARGE[::-1]
    hub.stated["s1v3.ckpt"] = hashlib.sha256(LARGE[::-1]).hexdigest()
    with pytest.raises(FetchError, match="a commit never changes"):
        get(hub, tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"revision": "nowhere"}, "owner/name has no revision nowhere; check --revision"),
        ({"repository": "owner/other"}, "no repository owner/other; check --repo"),
        ({"wanted": ["s2.pth"]}, f"owner/name@{COMMIT[:12]} has no s2.pth"),
        ({"wanted": ["absent/"]}, "has no absent/"),
    ],
)
def test_what_does_not_exist_is_named(changes, message, hub, tmp_path):
    with pytest.raises(FetchError, match=message):
        get(hub, tmp_path, **changes)


def test_without_a_connection_the_message_says_what_to_do(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(FetchError, match=r"cannot fetch from http://127\.0\.0\.1:.*need a connection.*HF_ENDPOINT"):
        fetch("owner/name", "main", ["a"], tmp_path, endpoint=f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("path", ["../evil", "/etc/evil", "dir/../../evil", "dir\\evil"])
def test_a_path_out_of_the_directory_is_refused(path):
    with pytest.raises(FetchError, match="leads out of the directory"):
        select([RemoteFile(path, 1, "sha256:0")], [path], "owner/name")


def test_of_a_directory_only_configurations_and_one_form_of_the_tensors_are_taken():
    names = (
        "d/config.json",
        "d/model.safetensors",
        "d/pytorch_model.bin",
        "d/flax_model.msgpack",
        "d/vocab.txt",
        "e/x.bin",
    )
    listing = [RemoteFile(name, 1, "sha256:0") for name in names]
    chosen = [file.path for file in select(listing, ["d/", "e/"], "owner/name")]
    assert chosen == ["d/config.json", "d/model.safetensors", "d/vocab.txt", "e/x.bin"]


def test_a_damaged_lock_file_is_named(hub, tmp_path):
    (tmp_path / LOCK_FILE).write_text("{")
    with pytest.raises(FetchError, match="is not JSON; repair or delete it"):
        get(hub, tmp_path)


def test_git_names_a_blob_as_git_does(tmp_path):
    (tmp_path / "empty").touch()
    assert digest_of(tmp_path / "empty", "git") == "git:e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
