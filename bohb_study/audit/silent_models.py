"""Methods with a model that suggested nothing from it: what they were compared as was chance."""

from collections.abc import Iterator

import pandas as pd

from bohb_study.analysis.diagnostics.brackets import ModelShare, is_observation, model_share
from bohb_study.audit.checks.model_use import observations_needed
from bohb_study.audit.evidence import Evidence


def silent_models(study: Evidence) -> Iterator[str]:
    """A sentence for each method on a task in some of whose cells its model suggested nothing."""
    for task, method in study.pairs():
        needed = observations_needed(study, task, method)
        if needed is None:
            continue
        rows, top = study.rows(task, method), study.tasks[task].top
        shares = model_share(rows, needed, top)
        silent = [one for one in shares if not one.model_based + one.too_early]
        if not silent:
            continue
        cells = f"{len(silent)} of {len(shares)} cell{'' if len(shares) == 1 else 's'}"
        why = "; ".join(_reasons(rows, silent, needed, top))
        yield f"{task}: {method} made no suggestion from its model in {cells}: {why}"


def _reasons(rows: pd.DataFrame, silent: list[ModelShare], needed: int, top: int) -> Iterator[str]:
    """Too few observations, enough of them too late, or chance: each where it is so."""
    seen = rows[is_observation(rows, top)]
    most = seen.groupby(["seed", "level"]).size().groupby("seed").max()
    had = {one.seed: int(most.get(one.seed, 0)) for one in silent}
    few = [n for n in had.values() if n < needed]
    late = [one for one in silent if had[one.seed] >= needed and not one.suggestions]
    chance = sum(one.suggestions for one in silent)
    if few:
        at_most = "at most " if len(few) > 1 else ""
        yield (
            f"a model needs {needed} observations at one fidelity, there "
            f"{'was' if max(few) == 1 else 'were'} {at_most}{max(few)}"
        )
    if late:
        yield f"no trial was suggested after the {needed} observations that a model needs"
    if chance:
        several = chance != 1
        yield (
            f"the {f'{chance} suggestions' if several else 'only suggestion'} after it could exist "
            f"{'were' if several else 'was'} drawn at random, as a share of them is"
        )
