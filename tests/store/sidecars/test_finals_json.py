"""Retrained final configurations, as they are stored."""

from json import loads
from pathlib import Path

import pytest

from bohb_study.errors import StudyError
from bohb_study.store.sealed import sealed_json
from bohb_study.store.sidecars.finals_json import (
    FINALS_FILE,
    Final,
    Training,
    finals_bytes,
    read_finals,
)


def test_a_configuration_that_is_none_is_refused_in_a_line(tmp_path: Path) -> None:
    """With hashes that hold."""
    training = Training("digits", "bohb", 0, "retrained", 0)
    final = Final(training, {"x": 0.5}, 0.25, 0.5, "ok", 1.0, {}, run={"host": "here"})
    stored = loads(finals_bytes("0" * 8, [final]))
    stored["trainings"][0]["config"]["x"] = {"y": 1}
    stored.pop("self", None)
    (tmp_path / FINALS_FILE).write_bytes(sealed_json(stored))
    with pytest.raises(StudyError, match=r"finals\.json: damaged: .* number, text, .*not dict;"):
        read_finals(tmp_path, "0" * 8)
