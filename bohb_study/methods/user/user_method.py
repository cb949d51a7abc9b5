"""A user's method: a class, function or ``Method`` in a file, as ``path/to/file.py:NAME``.

What NAME may be:

* a class with ``ask`` and ``tell`` (``ask_tell``);
* a function ``(problem) -> (searcher, scheduler)``, of Ray Tune's kind (``ray_pair``);
* a ``Method``, whose ``build`` is such a function.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from types import ModuleType
from typing import Any

from bohb_study.errors import UsageError
from bohb_study.methods.base import Method, Pair, Problem, Rung
from bohb_study.methods.registry import ALL, RENAMED_METHODS
from bohb_study.methods.user.ask_tell import ask_tell_method
from bohb_study.methods.user.checked_optimiser import brief
from bohb_study.methods.user.declared import declared
from bohb_study.methods.user.ray_pair import pair_of
from bohb_study.tasks import near
from bohb_study.tasks.user.own_file import OwnFile, by_name, check_executed, read_file_of

PARAMETER = "methods"


@dataclass(frozen=True)
class OwnMethod(OwnFile):
    """A user's file, and which method of it is meant."""

    @property
    def method(self) -> Method:
        """The method; its file is imported once per process.

        Raises:
            UsageError: the file cannot be imported, there is no method of this name, or what it
                declares cannot be.
        """
        return _method(self)

    @property
    def name(self) -> str:
        """What frames and folders call it; raises as ``method``."""
        return self.method.name


def read_own_method(given: str) -> OwnMethod:
    """The file behind ``given`` (path:NAME, from the current folder); runs nothing of it.

    Raises:
        UsageError: not path:NAME, no .py, or a file that cannot be read.
    """
    return OwnMethod(PARAMETER, given, *read_file_of(PARAMETER, given))


def own_methods(given: Iterable[str]) -> dict[str, OwnMethod]:
    """Files of the user's by the names of their methods, in the order given.

    Raises:
        UsageError: as ``read_own_method`` and ``OwnMethod.method``; or two have one name.
    """
    return by_name(map(read_own_method, given))


def check_trusted_methods(given: Iterable[str]) -> None:
    """Raise UsageError for a file that this process has not executed as it was told to.

    Args:
        given: files, as path:NAME, that a stored study names.
    """
    check_executed(map(read_own_method, given))


@lru_cache(maxsize=64)
def _method(own: OwnMethod) -> Method:
    module = own.module()
    found = vars(module).get(own.class_name)
    if found is None:
        candidates = _candidates(module)
        hint = near(own.class_name, candidates) if candidates else "it defines none"
        raise own.error(f"no such method; {hint}")
    with own.one_line_errors("reading what it declares", UsageError):
        try:
            method = _of(found, own)
        except ValueError as why:
            raise own.error(str(why)) from None
    own.check_name(method.name)
    if method.name in ALL or method.name in RENAMED_METHODS:
        raise own.error(
            f'its name {method.name} is a registered method\'s; give it another by name = "..."'
        )
    return replace(method, build=partial(_built, own, method.build))


def _of(found: Any, own: OwnMethod) -> Method:
    """The method that an object of the user's file stands for.

    Raises:
        ValueError: it stands for none, or declares what cannot be.
    """
    if isinstance(found, Method):
        return found
    if isinstance(found, type):
        lacking = [name for name in ("ask", "tell") if not callable(getattr(found, name, None))]
        if not lacking:
            return ask_tell_method(found, own.path)
        if len(lacking) == 1:
            raise ValueError(f"{own.class_name} lacks {lacking[0]}")
    elif callable(found) and _takes_problem(found):
        return Method(
            build=found,
            **{
                "searcher": "the user's own",
                "scheduler": "the user's own",
                "uses_fidelity": True,
                **declared(found, own.path),
            },
        )
    raise ValueError(
        f"{own.class_name} is no method: neither a class with ask and tell, nor a function "
        "(problem) -> (searcher, scheduler), nor a Method"
    )


def _takes_problem(found: Callable[..., Any]) -> bool:
    try:
        inspect.signature(found).bind(None)
    except (TypeError, ValueError):
        return False
    return True


def _built(own: OwnMethod, build: Callable[[Problem], Any], problem: Problem) -> Pair:
    """What the user's ``build`` makes, as a pair that records what it does."""
    with own.one_line_errors(f"building it for {problem.task.name}", UsageError):
        try:
            pair = pair_of(build(problem), problem)
        except ValueError as why:
            raise own.error(str(why)) from None
        _check_declared(own, problem)
    if pair.scheduler.restarts and not problem.task.can_pause:
        raise own.error(
            f"its scheduler pauses trials, and {problem.task.name} cannot go on after a pause"
        )
    return pair


def _check_declared(own: OwnMethod, problem: Problem) -> None:
    """Call what a method declares as functions once, before anything is stored of it.

    Raises:
        UsageError: a function returns what cannot be.
    """
    method = own.method
    if method.plan:
        band = method.plan(problem.ladder)
        brackets = isinstance(band, list) and all(isinstance(bracket, list) for bracket in band)
        if not brackets or not all(isinstance(rung, Rung) for one in band for rung in one):
            raise own.error(
                f"plan returned {brief(band)}; it must return the brackets of one band, each a "
                "list of bohb_study.methods.base.Rung"
            )
    if method.model_after:
        after = method.model_after(len(problem.space()))
        if isinstance(after, bool) or not isinstance(after, int) or after < 1:
            raise own.error(
                f"model_after returned {brief(after)}; it must return a whole number, at least 1"
            )


def _candidates(module: ModuleType) -> Mapping[str, Any]:
    """What a file defines that may be a method."""
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, Method)
        or (getattr(value, "__module__", "") == module.__name__ and hasattr(value, "ask"))
        or (inspect.isfunction(value) and value.__module__ == module.__name__)
    }
