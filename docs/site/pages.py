"""A hook of MkDocs: pages that lie outside docs/, and a page of API reference for each part of client and runtime.

Links between files of the repository become links between pages. A link to a file that is no page becomes its path,
since the site knows no address of the repository.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
# File of the repository to page of the site.
OUTSIDE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "client/README.md": "client.md",
    "build/gsv_demo/weights/MODEL_CARD.md": "demo-voice.md",
}
ORIGINS = {page: origin for origin, page in OUTSIDE.items()}
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)")
_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def runtime_parts() -> dict[str, list[str]]:
    """Page name to the modules that it documents: one for the ground, one for each wing."""
    package = ROOT / "runtime" / "gsv_runtime"
    parts = {"ground": sorted(f"gsv_runtime.{path.stem}" for path in package.glob("[!_]*.py"))}
    for wing in sorted(path.parent for path in package.glob("*/__init__.py")):
        modules = (path.relative_to(ROOT / "runtime").with_suffix("") for path in sorted(wing.rglob("[!_]*.py")))
        parts[wing.name] = [".".join(module.parts) for module in modules]
    return parts


def _reference(title: str, modules: list[str], options: str = "") -> str:
    return f"# {title}\n\n" + "\n".join(f"::: {module}\n{options}" for module in modules)


def generated_pages() -> dict[str, str]:
    """Page of the site to its Markdown."""
    pages = {page: (ROOT / origin).read_text(encoding="utf-8") for origin, page in OUTSIDE.items()}
    pages["reference/client.md"] = _reference(
        "gsv_client", ["gsv_client"], "    options: { show_root_toc_entry: false }\n"
    )
    full_path = "    options: { show_root_full_path: true, heading_level: 2 }\n"
    for part, modules in runtime_parts().items():
        pages[f"reference/runtime/{part}.md"] = _reference(f"gsv_runtime: {part}", modules, full_path)
    return pages


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in docs/."""
    for page, text in generated_pages().items():
        files.append(File.generated(config, page, content=text))
    return files


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Replace folders in the navigation by their pages, in order of name."""
    names = [*generated_pages(), *(path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md"))]
    config.nav = _folders(config.nav, sorted(names))
    return config


def _folders(item: Any, names: list[str]) -> Any:
    if isinstance(item, list):
        return [_folders(each, names) for each in item]
    if isinstance(item, dict):
        return {title: _folders(each, names) for title, each in item.items()}
    return [name for name in names if name.startswith(item)] if item.endswith("/") else item


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make links between files links between pages."""
    here = page.file.src_uri
    origin = ORIGINS.get(here, f"docs/{here}")

    def linked(match: re.Match[str]) -> str:
        picture, text, target, anchor = match.groups()
        if re.match(r"[a-z]+:", target):
            return match[0]
        wanted = posixpath.normpath(posixpath.join(posixpath.dirname(origin), target))
        name = OUTSIDE.get(wanted, wanted.removeprefix("docs/"))
        if (ROOT / wanted).is_dir():
            name = next((page for page in sorted(files.src_uris) if page.startswith(f"{name}/")), name)
        if files.get_file_from_path(name) is None:
            return text if f"`{wanted}`" in text else f"{text} (`{wanted}`)"
        return f"{picture}[{text}]({posixpath.relpath(name, posixpath.dirname(here) or '.')}{anchor or ''})"

    parts = re.split(f"({_FENCE.pattern})", markdown, flags=_FENCE.flags)
    return "".join(part if part.startswith("```") else _LINK.sub(linked, part) for part in parts)
