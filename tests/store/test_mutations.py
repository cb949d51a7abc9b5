"""Whatever happens to a stored file: one line, that cell again, or nothing; see mutations.py."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster")


@pytest.fixture(scope="module")
def mutations() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "store_mutations", Path(__file__).with_name("mutations.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_nothing_is_loaded_that_was_not_written(
    mutations: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outcomes: list[set[str]] = []
    for form in mutations.made(tmp_path_factory.mktemp("damaged")):
        tried = list(mutations.mutate(form, 3 * len(mutations.DAMAGES), seed=0))
        assert [one for one in tried if one.outcome in mutations.BAD] == []
        outcomes.append({one.outcome for one in tried})
    tried = list(
        mutations.mutate_journals(
            mutations.journals(tmp_path_factory.mktemp("journals")), 130, seed=0
        )
    )
    assert [one for one in tried if one.outcome in mutations.BAD] == []
    assert {mutations.REFUSED, mutations.UP_TO_THERE} <= {one.outcome for one in tried}
    run, packed = outcomes
    assert {mutations.REFUSED, mutations.AGAIN} <= run
    assert mutations.REFUSED in packed
    assert mutations.AGAIN not in packed
