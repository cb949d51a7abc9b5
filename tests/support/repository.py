"""Where the repository's own files are, for tests that run or read them."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The folder with setup.cfg, README.md, experiments, examples and results."""
