"""Stored studies keep their names: what JSON and ids call a field is not what Python calls it."""

import json
from pathlib import Path

import pytest

from bohb_study.study import StudyConfig
from repository import ROOT

PACKED = sorted((ROOT / "results" / "paper").glob("*/study.json"))


def test_there_are_packed_studies() -> None:
    assert len(PACKED) > 10


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of methods that were renamed
@pytest.mark.parametrize("path", PACKED, ids=lambda path: path.parent.name)
def test_a_packed_study_has_the_id_of_its_config(path: Path) -> None:
    stored = json.loads(path.read_text())
    config = StudyConfig.from_json(stored["config"])
    assert config.id == stored["id"]
    assert stored["config"].keys() <= config.to_json().keys()


def test_json_calls_fields_as_they_were_called_first() -> None:
    config = StudyConfig(tasks=("mfh3", "digits"), task_options=("mfh3.lowest_rung=1",))
    written = config.to_json()
    assert written["task"] == ["mfh3", "digits"]
    assert written["task_option"] == ["mfh3.lowest_rung=1"]
    assert not {"tasks", "task_options"} & written.keys()
    assert StudyConfig.from_json(json.loads(json.dumps(written))) == config
    assert config.identity() == {"task_option": ["mfh3.lowest_rung=1"]}
    assert config.id == "2f8e6356"  # as it was when the fields had those names in Python, too
