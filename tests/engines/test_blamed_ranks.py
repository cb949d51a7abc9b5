"""Which rank a failed step is put down to; no process is started."""

import pytest

from bohb_study.engines.rank_process import Answer, interface_of, is_lost
from bohb_study.engines.ranks import RankError, blamed
from bohb_study.errors import StudyError

DIED = Answer(error=OSError("gone"), died=True)
LOST = Answer(error=RuntimeError("[gloo/transport/tcp] Timed out\nmore"), lost=True)
OWN = Answer(error=ValueError("no such width"))
FINE = Answer(1)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({0: LOST, 1: DIED}, "rank 1 of 3 died"),
        ({0: OWN, 1: DIED, 2: LOST}, "rank 1 of 3 died"),
        ({0: LOST}, "rank 1 of 3 did not answer within 7 s"),
        ({1: LOST, 0: LOST}, "rank 2 of 3 did not answer within 7 s"),
        ({0: FINE, 2: FINE}, "rank 1 of 3 did not answer within 7 s"),
        ({}, "rank 0 of 3 did not answer within 7 s"),
        (
            {0: LOST, 1: LOST, 2: FINE},
            "rank 0 of 3 lost the others: [gloo/transport/tcp] Timed out",
        ),
    ],
)
def test_the_rank_that_explains_the_others_is_named(answers: dict[int, Answer], said: str) -> None:
    error = blamed(answers, [0, 1, 2], 3, 7.4)
    assert isinstance(error, RankError)
    assert str(error) == said


@pytest.mark.parametrize("answers", [{1: OWN, 0: LOST}, {0: LOST, 1: OWN}, {1: OWN}])
def test_what_the_training_raised_is_raised_as_it_is(answers: dict[int, Answer]) -> None:
    """Also where the others wait for that rank, or noticed first."""
    assert blamed(answers, [0, 1], 2, 1.0) is OWN.error


def test_nobody_is_blamed_where_all_is_well() -> None:
    assert blamed({0: FINE, 1: FINE}, [0, 1], 2, 1.0) is None


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (RuntimeError("[/x/gloo/gloo/transport/tcp/pair.cc:545] Read error"), True),
        (RuntimeError("the loss is no number"), False),
        (ValueError("gloo"), False),
        (StudyError("no data"), False),
    ],
)
def test_errors_of_an_exchange_are_told_from_others(error: Exception, lost: bool) -> None:
    assert is_lost(error) == lost


def test_the_interface_of_an_address() -> None:
    """The second is of a block that is assigned to nobody (RFC 5737)."""
    assert interface_of("127.0.0.1") == "lo"
    assert interface_of("203.0.113.77") is None
