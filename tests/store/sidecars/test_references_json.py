import json
from pathlib import Path

import pytest

from bohb_study.errors import StudyError
from bohb_study.store.sidecars.references_json import (
    REFERENCES_FILE,
    read_references,
    write_references,
)

ONE = {"curvy": {"best": 0.25, "median": 0.5, "source": "by hand", "count": 3}}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    assert read_references(tmp_path, "ab12") == {}
    path = write_references(tmp_path, "ab12", ONE)
    assert read_references(tmp_path, "ab12") == ONE
    before = path.read_bytes()
    assert write_references(tmp_path, "ab12", ONE).read_bytes() == before


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not JSON"),
        (json.dumps({"schema": 1, "study": "cd34", "references": {}}), "belongs to study cd34"),
        (json.dumps({"schema": 1, "study": "ab12"}), "damaged: lacks references"),
        (json.dumps({"schema": 1, "study": "ab12", "references": [1]}), "damaged"),
        (json.dumps({"schema": 1, "study": "ab12", "references": {"curvy": 1}}), "damaged"),
        (json.dumps({"schema": 99, "study": "ab12", "references": {}}), "newer version"),
    ],
)
def test_a_damaged_file_is_one_line(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / REFERENCES_FILE).write_text(content)
    with pytest.raises(StudyError, match=words) as error:
        read_references(tmp_path, "ab12")
    assert "\n" not in str(error.value)
