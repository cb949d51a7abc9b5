"""The library names parameters, the command line names flags, in their present spelling."""

import pickle

import pytest

from bohb_study.cli.command_line import parse
from bohb_study.cli.compare import Compare
from bohb_study.cli.flags import FORMER_FLAGS, present_flags, with_flags
from bohb_study.errors import StudyError, UsageError
from bohb_study.study import StudyConfig
from paper_figures.command import Draw


def test_an_error_names_its_parameter_and_its_flag() -> None:
    with pytest.raises(UsageError) as raised:
        StudyConfig(budget=0.5)
    assert str(raised.value) == "budget 0.5: must be at least 1 full evaluation (= 27 units)"
    assert with_flags(raised.value) == f"--{raised.value}"
    copy = pickle.loads(pickle.dumps(raised.value))
    assert (copy.parameter, copy.message) == ("budget", raised.value.message)
    assert str(copy) == str(raised.value)


@pytest.mark.parametrize(
    ("error", "plain", "flags"),
    [
        (UsageError("no studies"), "no studies", "no studies"),
        (UsageError(": empty", "tasks"), "tasks: empty", "--tasks: empty"),
        (UsageError(":1: no", "address"), "address :1: no", "--address :1: no"),
        (
            UsageError("a.b=c: no", "task_options"),
            "task_options a.b=c: no",
            "--task-options a.b=c: no",
        ),
        (StudyError("x: use fresh=True"), "x: use fresh=True", "x: use --fresh"),
    ],
)
def test_one_line_in_two_ways(error: Exception, plain: str, flags: str) -> None:
    assert (str(error), with_flags(error)) == (plain, flags)


@pytest.mark.parametrize(
    ("said", "flags"),
    [
        ('allowed with engine="tune"', "allowed with --engine tune"),
        ("gpus_per_trial=1, or a share", "--gpus-per-trial 1, or a share"),
        ("gpus_per_trial=0.25.", "--gpus-per-trial 0.25."),
        ('or task_options=("mnist.data=PATH",)', "or --task-options mnist.data=PATH"),
        # what only looks like it is somebody's own
        ("my.fresh=True", "my.fresh=True"),
        ("afresh=True", "afresh=True"),
        ("Tuner(resume=True)", "Tuner(resume=True)"),
    ],
)
def test_what_is_to_be_given_is_named_as_a_flag(said: str, flags: str) -> None:
    assert with_flags(said) == flags


@pytest.mark.parametrize(
    ("former", "now"),
    [
        (["--task", "mfh3"], ["--tasks", "mfh3"]),
        (["--task=mfh3"], ["--tasks=mfh3"]),
        (["--task_option", "mfh3.lowest_rung=1", "--task", "mfh3"],
         ["--task-options", "mfh3.lowest_rung=1", "--tasks", "mfh3"]),
    ],
)  # fmt: skip
def test_former_flags_are_taken_and_said(
    former: list[str], now: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = parse(Compare, former, "", "compare")
    said = capsys.readouterr().err
    assert found == parse(Compare, now, "", "compare")
    assert capsys.readouterr().err == ""
    assert found.study.tasks == ("mfh3",)
    flags = [word.partition("=")[0].replace("_", "-") for word in former if word[:2] == "--"]
    assert said.splitlines() == [
        f"{flag} is now {FORMER_FLAGS[flag]}; the former name will be removed in the next release"
        for flag in flags
    ]


def test_former_flags_of_figures(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--figure", "ecdf", "--incumbent", "any", "--task", "digits"]
    found = parse(Draw, words, "", "figures")
    assert (found.figures, found.rule, found.tasks) == (("ecdf",), "any", ("digits",))
    assert capsys.readouterr().err.count(" is now ") == 3


def test_a_flag_in_both_spellings_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^--tasks: given more than once$"):
        parse(Compare, ["--task", "mfh3", "--tasks", "digits"], "", "compare")


def test_a_command_without_the_present_flag_takes_no_former_one() -> None:
    assert list(present_flags(["--task", "x"], {"--name"})) == [("--task", None), ("x", None)]


def test_former_keywords_are_taken_with_a_warning() -> None:
    with pytest.warns(DeprecationWarning, match="task_option is now task_options"):
        former = StudyConfig(task=("mfh3",), task_option=("mfh3.lowest_rung=1",))  # type: ignore[call-arg]
    assert former == StudyConfig(tasks=("mfh3",), task_options=("mfh3.lowest_rung=1",))
    with pytest.raises(TypeError, match="task is the former name of tasks; give one of them"):
        StudyConfig(tasks=("mfh3",), task=("mfh3",))  # type: ignore[call-arg]
