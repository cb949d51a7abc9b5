"""What a study is: what is asked for, what that is made into, and its cells."""

from bohb_study.study.cell import Cell, identity_id
from bohb_study.study.config import Engine, StudyConfig
from bohb_study.study.config_checks import MOST_CELLS, MOST_STEPS, MOST_WORKERS
from bohb_study.study.resolved import Study

__all__ = [
    "MOST_CELLS",
    "MOST_STEPS",
    "MOST_WORKERS",
    "Cell",
    "Engine",
    "Study",
    "StudyConfig",
    "identity_id",
]
