"""What the nodes of a cluster are asked for the cells of a study."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bohb_study.engines.base import EngineName
from bohb_study.errors import UsageError
from bohb_study.methods import get_method
from bohb_study.running.options import RunOptions
from bohb_study.running.pools.node_facts import Origin, Question
from bohb_study.running.pools.nodes import Nodes, living_nodes
from bohb_study.study import Cell, Study


def nodes_for(
    study: Study,
    cells: Sequence[Cell],
    engines: Mapping[str, EngineName],
    options: RunOptions,
    folder: Path,
) -> Nodes:
    """The nodes of the connected Ray, compared with this machine where there are others.

    Args:
        study: the study that the cells are of.
        cells: what is to be run.
        engines: the engine of each task.
        options: where and how.
        folder: where the study will be written.

    Raises:
        UsageError: a node cannot run the cells as this machine would, or methods that pause are to
            be run by engine tune and the nodes share no folder.
    """
    nodes = Nodes(options.cpus_per_trial, options.gpus_per_trial)
    if options.address is None and len(living_nodes()) == 1:
        return nodes  # a Ray of this machine
    config = study.config
    names = {cell.task for cell in cells}
    by_tune = sorted(
        {cell.method for cell in cells if engines[cell.task] == "tune" and _pauses(study, cell)}
    )
    why = f"{' and '.join(by_tune)} under engine tune pauses trials" if by_tune else ""
    origins = {
        Origin(
            cell.task,
            cell.method,
            engines[cell.task],
            config.source(cell.task),
            config.method_source(cell.method),
        )
        for cell in cells
    }
    question = Question(
        tuple(sorted(origins, key=lambda one: (one.task, one.method))),
        tuple(study.tasks[name] for name in sorted(names)),
        config.numerics,
        torch=config.numerics == "native",
        download=options.download,
    )
    try:
        nodes.check(question, folder, why)
    except UsageError as error:
        if error.parameter != "address":
            raise
        if options.address is None:  # a connection of the caller's
            raise UsageError(error.message.removeprefix(": ")) from None
        raise UsageError(f"{options.address}{error.message}", parameter="address") from None
    return nodes


def _pauses(study: Study, cell: Cell) -> bool:
    own = study.config.own_methods.get(cell.method)
    return (own.method if own else get_method(cell.method)).pauses
