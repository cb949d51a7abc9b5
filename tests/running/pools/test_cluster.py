"""What is said of a cell that failed where Ray ran it."""

import traceback

from ray.tune.error import TuneError

from bohb_study.errors import StudyError
from bohb_study.running.pools.cluster import said


def test_an_error_that_ray_tune_made_a_traceback_of_is_what_was_raised() -> None:
    try:
        try:
            raise ValueError("inner")
        except ValueError as error:
            raise StudyError("method Mine: tell() raised ValueError: inner") from error
    except StudyError:
        wrapped = TuneError(traceback.format_exc())
    assert said(wrapped) == "StudyError: method Mine: tell() raised ValueError: inner"


def test_other_errors_are_their_type_and_first_line() -> None:
    assert said(TuneError("no trial\nfits")) == "TuneError: no trial"
    assert said(ValueError("Traceback (most recent call last):\nx: y")).startswith("ValueError: T")
