"""The page carries the web client as it was last compiled from `web/src`; `make web` writes both and their digests."""

import hashlib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def told() -> dict[str, str]:
    lines = (ROOT / "web/built.sha256").read_text(encoding="utf-8").splitlines()
    return {path: digest for digest, path in (line.split("  ") for line in lines)}


def test_the_pages_modules_are_compiled_from_these_sources() -> None:
    files = [*(ROOT / "web/src").glob("*.ts"), ROOT / "web/tsconfig.json"]
    files += (ROOT / "gateway/gsv_gateway/page/client").glob("*.js")
    found = {str(path.relative_to(ROOT)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert found == told(), "run `make web`"
    assert {Path(name).stem for name in found if name.endswith(".ts")} == {
        Path(name).stem for name in found if name.endswith(".js")
    }
