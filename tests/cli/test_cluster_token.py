"""Whether a command shows a cluster the token that it may ask for."""

import os
from pathlib import Path

import pytest

from bohb_study.cli.cluster_token import MODE, TOKEN, TOKEN_FILE, use_cluster_token


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of Ray's, and a home that no Ray has written to."""
    monkeypatch.setenv(MODE, "")  # so that it is restored
    for name in (MODE, TOKEN, TOKEN_FILE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.parametrize("where", [TOKEN, TOKEN_FILE, "home"])
def test_a_token_is_shown_wherever_it_is(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if where == "home":
        (tmp_path / ".ray").mkdir()
        (tmp_path / ".ray" / "auth_token").write_text("5e" * 32)
    else:
        monkeypatch.setenv(where, "something")
    use_cluster_token(None)
    assert MODE not in os.environ
    use_cluster_token("head:6379")
    assert os.environ[MODE] == "token"


def test_what_is_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, "something")
    monkeypatch.setenv(MODE, "disabled")
    use_cluster_token("head:6379")
    assert os.environ[MODE] == "disabled"


def test_without_a_token_nothing_is_set() -> None:
    use_cluster_token("head:6379")
    assert MODE not in os.environ
