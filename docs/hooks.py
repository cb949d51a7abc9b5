"""What the site takes from elsewhere in the repository, so that nothing is kept twice.

Pages name figures by their place in the repository, as ``../paper_figures/gallery/ranks.png``;
the site has them in its folder ``gallery``. A link to any other file of the repository would
lead nowhere on the site, so pages name such files as code.
"""

import re
from pathlib import Path
from posixpath import relpath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

GALLERY = Path("paper_figures/gallery")
FIGURE = re.compile(r"\]\((?:\.\./)+paper_figures/gallery/([\w-]+\.png)\)")


def on_files(files: Files, config: MkDocsConfig, **_: Any) -> Files:
    """Add the committed figures to the files of the site."""
    for path in sorted(GALLERY.glob("*.png")):
        files.append(
            File.generated(config, f"gallery/{path.name}", abs_src_path=str(path.resolve()))
        )
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Let figures be found where the site has them."""
    folder = str(Path(page.file.src_uri).parent)
    return FIGURE.sub(lambda found: f"]({relpath('gallery/' + found[1], folder)})", markdown)
