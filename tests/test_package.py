"""Importing the package costs nothing, and its public names are there when asked for."""

import pytest

import bohb_study
from fresh_python import printed

HEAVY = ("torch", "ray", "pandas", "numpy", "ConfigSpace", "hpbandster", "optuna")


def imported_by(code: str) -> set[str]:
    """The heavy packages that a fresh Python has imported after ``code``."""
    report = f"import sys; {code}; print(*[name for name in {HEAVY} if name in sys.modules])"
    return set(printed(report).split())


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert imported_by("import bohb_study; dir(bohb_study); bohb_study.__version__") == set()


@pytest.mark.parametrize("name", ["StudyConfig", "load_results", "load_study"])
def test_reading_results_needs_neither_torch_nor_ray(name: str) -> None:
    assert not imported_by(f"from bohb_study import {name}") & {"torch", "ray", "hpbandster"}


@pytest.mark.parametrize("name", bohb_study.__all__)
def test_public_names_are_there(name: str) -> None:
    assert name in dir(bohb_study)
    assert getattr(bohb_study, name).__name__ == name
    assert getattr(bohb_study, name).__doc__


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'load_everything'"):
        _ = bohb_study.load_everything
