"""What the site takes from elsewhere in the repository, so that nothing is kept twice.

Pages name figures by their place in the repository, as ``../paper_figures/gallery/ranks.png``;
the site has them in its folder ``gallery``, and ``examples/*.py`` in a folder of that name. A link
to any other file of the repository would lead nowhere on the site, so pages name such files as
code.
"""

import re
from pathlib import Path
from posixpath import relpath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

COPIED = {"gallery": "paper_figures/gallery/*.png", "examples": "examples/*.py"}
"""Folder of the site -> files of the repository."""
LINK = re.compile(r"\]\((?:\.\./)+(?:paper_figures/)?((?:gallery|examples)/[\w-]+\.(?:png|py))\)")


def on_files(files: Files, config: MkDocsConfig, **_: Any) -> Files:
    """Add the committed figures and the examples to the files of the site."""
    for folder, pattern in COPIED.items():
        for path in sorted(Path().glob(pattern)):
            files.append(
                File.generated(config, f"{folder}/{path.name}", abs_src_path=str(path.resolve()))
            )
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Let figures and examples be found where the site has them."""
    folder = str(Path(page.file.src_uri).parent)
    return LINK.sub(lambda found: f"]({relpath(found[1], folder)})", markdown)
