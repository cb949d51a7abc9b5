"""Methods with a model that suggested nothing from it: what they were compared as was chance."""

from collections.abc import Iterator

from bohb_study.analysis.checks.base import Evidence
from bohb_study.analysis.checks.model import observations_needed
from bohb_study.analysis.rungs import is_observation


def silent_models(study: Evidence) -> Iterator[str]:
    """A sentence for each method on a task in some of whose cells its model suggested nothing."""
    for task, method in study.pairs():
        needed = observations_needed(study, task, method)
        if needed is None:
            continue
        rows = study.rows(task, method)
        by_model = rows["model_based"].fillna(False).astype(bool).groupby(rows["seed"]).any()
        silent = by_model.index[~by_model]
        if not len(silent):
            continue
        seen = rows[rows["seed"].isin(silent) & is_observation(rows, study.tasks[task].top)]
        most = seen.groupby(["seed", "level"]).size().max() if len(seen) else 0
        cells = f"{len(silent)} of {len(by_model)} cell{'' if len(by_model) == 1 else 's'}"
        yield (
            f"{task}: {method} made no suggestion from its model in {cells}: a model needs "
            f"{needed} observations at one fidelity, there {'was' if most == 1 else 'were'} "
            f"{'at most ' if len(silent) > 1 else ''}{most}"
        )
