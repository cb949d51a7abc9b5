"""The README's example of the BOHB pair in a Tuner of one's own runs as it is written."""

import re
from pathlib import Path
from typing import Any

import pytest

from repository import ROOT

pytestmark = [pytest.mark.ray, pytest.mark.long]

README = ROOT / "README.md"


def test_bohb_in_a_tuner_of_your_own(
    runtime: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AIR_NEW_OUTPUT", "0")
    (example,) = re.findall(
        r"### The BOHB pair in a Tuner of your own\n\n```python\n(.*?)```",
        README.read_text(),
        re.DOTALL,
    )
    end = "reuse_actors=True,\n    ),"
    assert end in example
    storage = f"run_config=tune.RunConfig(storage_path={str(tmp_path)!r}),"
    example = example.replace(end, f"{end}\n    {storage}")
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(example, "README.md", "exec"), names)
    results = names["results"]
    assert len(results) == 17
    assert not results.errors
    epochs = sorted(result.metrics["training_iteration"] for result in results)
    # one band of 9/5/3 trials: as planned, not one bracket and then full trainings
    assert epochs == [1] * 6 + [3] * 2 + [3] * 3 + [9] * 6
