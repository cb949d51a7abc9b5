"""Compare hyperparameter optimisers of Ray Tune under identical budgets.

``StudyConfig`` says what is compared, ``run_study`` runs it, ``load_results`` reads the tidy frame
of a stored study and ``load_study`` the frame with all that was recorded beside it.
``FunctionTask`` makes a task of a user's own training function.

The names are imported when they are first used, so ``import bohb_study`` costs nothing and a task
that is computed in plain Python never pays for torch.

Importing the package sets the environment variables by which numpy and PyTorch compute alike on
every x86-64 processor of the last ten years, unless one of them is loaded already: ``numerics``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bohb_study import numerics

if TYPE_CHECKING:
    from bohb_study.running.runner import run_study
    from bohb_study.store import load_results, load_study
    from bohb_study.study import StudyConfig
    from bohb_study.tasks.user.training_function import FunctionTask

__version__ = "0.1.0"

__all__ = ["FunctionTask", "StudyConfig", "load_results", "load_study", "run_study"]

_HOME = {
    "FunctionTask": "bohb_study.tasks.user.training_function",
    "StudyConfig": "bohb_study.study",
    "load_results": "bohb_study.store",
    "load_study": "bohb_study.store",
    "run_study": "bohb_study.running.runner",
}


numerics.settle()


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value  # the next use does not come here
    return value


def __dir__() -> list[str]:
    """List the public names although they are not imported yet."""
    return sorted({*globals(), *__all__})
