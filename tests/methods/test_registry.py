"""Every method by its name: it loads, says what it is, and builds for every kind of task."""

import shutil
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from bohb_study.errors import UsageError
from bohb_study.identity import cell_parts
from bohb_study.methods import ALL, METHODS, check_method, get_method, registry
from bohb_study.methods.base import METRIC, MODE, Problem
from bohb_study.schema import former_methods
from bohb_study.seeding import model_seed
from bohb_study.study import StudyConfig
from bohb_study.tasks import Task, make_task
from fresh_python import printed

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:hpbandster")


MODELS = {
    *("asha-bohb", "bohb", "bohb-stock", "hpbandster-bohb"),
    *("tpe", "tpe-univariate", "gp"),
}
FULL_FIDELITY = {"grid", "random", "random-2x", "tpe", "tpe-univariate", "gp"}


@pytest.fixture(params=["digits", "without a curve", "with a curve"])
def task(
    request: pytest.FixtureRequest, toy: Callable[..., Task], curvy: Callable[..., Task]
) -> Task:
    makers = {"digits": lambda: make_task("digits"), "without a curve": toy}
    return makers.get(request.param, lambda: curvy(27))()


def test_a_method_is_a_file_that_assigns_it_and_nothing_else(tmp_path: Path) -> None:
    package = "bohb_study.methods"
    folder = Path(registry.__file__).parent
    for file in folder.glob("*.py"):
        shutil.copy(file, tmp_path)
    assert registry.found_in(tmp_path, package) == METHODS
    (tmp_path / "a_new_one.py").write_text('"""New."""\n\nMETHOD = make("a-new-one")\n')
    (tmp_path / "no_method.py").write_text('"""METHOD is not assigned here."""\nOTHER = METHOD\n')
    found = registry.found_in(tmp_path, package)
    assert list(found) == [*METHODS, "a-new-one"]
    assert found["a-new-one"] == "bohb_study.methods.a_new_one"
    assert set(registry.FIRST) <= set(found)
    (tmp_path / "bohb.py").unlink()
    assert "bohb" not in registry.found_in(tmp_path, package)


def test_how_names_are_found_decides_no_row() -> None:
    parts = cell_parts("mfh3", "random", "virtual")
    assert "methods/random.py" in parts
    assert "methods/registry.py" not in parts


def test_former_names_are_those_of_the_schema() -> None:
    for old, new in registry.RENAMED_METHODS.items():
        assert old not in ALL
        assert former_methods(new) == [old]
        assert get_method(new).stream == old  # its draws are those of before
        with pytest.warns(FutureWarning, match=f"^method {old} is now {new}; "):
            assert StudyConfig(methods=("bohb", old)).methods == ("bohb", new)
    assert {n for n in ALL if former_methods(n)} == set(registry.RENAMED_METHODS.values())
    with pytest.warns(FutureWarning), pytest.raises(UsageError, match="more than once"):
        StudyConfig(methods=(old, new))


@pytest.mark.parametrize("name", METHODS)
def test_a_method_says_what_it_is(name: str) -> None:
    method = get_method(name)
    assert method.name == name
    for field in fields(method):
        value = getattr(method, field.name)
        assert value != "" or field.name in ("label", "stream"), field.name
        assert "\n" not in str(value)
    assert method.source
    assert method.uses_fidelity or not (method.plan or method.pauses)
    assert method.pauses or not method.plan
    if method.known_defect:
        assert method.plan


def test_what_the_methods_of_the_paper_declare() -> None:
    declared = {name: get_method(name) for name in registry.FIRST}
    assert {n for n, m in declared.items() if m.known_defect} == {"bohb-stock"}
    assert {n: m.budget_factor for n, m in declared.items() if m.budget_factor > 1} == {
        "random-2x": 2
    }
    assert {n for n, m in declared.items() if m.model_after} == MODELS
    assert {n for n, m in declared.items() if not m.uses_fidelity} == FULL_FIDELITY
    # ASHA fixes no sizes
    assert {n for n, m in declared.items() if m.pauses and not m.plan} == {"asha-promotion"}


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_a_pair_of_rays_kind_that_suggests_from_the_tasks_space(
    name: str, task: Task, problem: Callable[..., Problem], controller: Callable[..., Any]
) -> None:
    pair = get_method(name).build(problem(task, name))
    assert isinstance(pair.searcher, Searcher)
    assert isinstance(pair.scheduler, TrialScheduler)
    assert (pair.searcher.metric, pair.searcher.mode) == (METRIC, MODE)
    assert pair.scheduler.rung_times() == task.ladder.times
    driver = controller(pair, task.ladder)
    assert driver.add()
    assert pair.searcher.suggestions["0"].config.keys() == set(task.space(0))
    assert not driver.add()  # it limits itself to one running trial


@pytest.mark.parametrize("name", ["random", "random-2x", "median", "asha", "asha-promotion"])
def test_a_finite_space_ends(
    name: str, toy: Callable[..., Task], problem: Callable[..., Problem]
) -> None:
    searcher = get_method(name).build(problem(toy(finite=True), name)).searcher
    assert [searcher.suggest(trial) for trial in "abc"][2] == Searcher.FINISHED


KNOWN = rf"known: {', '.join(list(ALL)[:10])} and {len(ALL) - 10} more"


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("bhob", r"did you mean bohb\?"),
        ("hyperbnad", r"did you mean hyperband or hpbandster-hyperband\?"),
        ("bohb_stock", r"did you mean bohb-stock or bohb\?"),
        ("BOHB", r"did you mean bohb or asha-bohb or bohb-stock\?"),
        ("bohb-halvng-fix", r"did you mean bohb-no-halving-fix or .*\?"),
        ("xyz", KNOWN),
        ("", KNOWN),
    ],
)
def test_an_unknown_name_is_refused_with_the_near_ones(given: str, hint: str) -> None:
    for ask in (check_method, get_method):
        with pytest.raises(UsageError, match=f"^methods ?{given}: no such method; {hint}$"):
            ask(given)


def test_naming_methods_costs_no_import() -> None:
    code = (
        "import sys; from bohb_study.methods import METHODS, check_method;"
        "[check_method(name) for name in METHODS];"
        "heavy = {'ray', 'torch', 'hpbandster', 'optuna', 'ConfigSpace'};"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    assert printed(code) == "[]\n"


def test_a_problem_knows_its_ladder_and_its_methods_seed(
    toy: Callable[..., Task], problem: Callable[..., Problem]
) -> None:
    one = problem(toy(), "bohb", 3)
    assert one.ladder == toy().ladder
    assert one.model_seed == model_seed("toy", "bohb", 3)
    assert one.model_seed != problem(toy(), "hyperband", 3).model_seed
