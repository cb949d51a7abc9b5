"""Did all methods of a task solve the same problem: one space, one split a seed, one training?"""

from collections import Counter
from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd

from bohb_study.analysis.diagnostics.resumption import Resumption, resumption
from bohb_study.arrays import Ints
from bohb_study.audit.evidence import Checked, Evidence, Finding, more, name
from bohb_study.schema import CellKey

CHECK = "same-problem"


def check_same_problem(study: Evidence) -> Checked:
    """Recorded hashes of space and split agree, and equal trainings have equal losses.

    The second needs no record: the same configuration at the same level under the same seed is the
    same training, whoever asked for it and however often it was paused.
    """
    checked = Checked()
    _compare_records(study, "space", checked)
    _compare_records(study, "split", checked)
    pauses = _find_restarts(study, checked)
    _compare_losses(study, checked, pauses)
    return checked


def _find_restarts(study: Evidence, checked: Checked) -> dict[str, Resumption]:
    """What became of paused trainings, by task; trainings that start over are a finding."""
    found = {}
    for task, facts in study.tasks.items():
        rows = study.rows(task)
        if not facts.resumable or rows.empty:
            continue
        found[task] = own = resumption(rows)
        if own.starts_over:
            what = f"{own}: it starts over, as where a function ignores its state"
            checked.findings.append(Finding(CHECK, task, what))
    return found


def _compare_records(study: Evidence, what: Literal["space", "split"], checked: Checked) -> None:
    groups: dict[tuple[str, int], dict[CellKey, str | None]] = {}
    for key in study.cells:
        record = study.records.get(key)
        if record is not None and record.recorded(what):
            task, _, seed = key
            # the split is drawn by the seed, the space is one for all seeds
            group = groups.setdefault((task, seed if what == "split" else 0), {})
            group[key] = record.space if what == "space" else record.split
    for cells in groups.values():
        usual = Counter(cells.values()).most_common(1)[0][0]
        other = next(key for key, value in cells.items() if value == usual)
        checked.findings += [
            Finding(
                CHECK,
                name(key),
                f"its {what} is {_short(value)}, that of {name(other)} is {_short(usual)}",
            )
            for key, value in cells.items()
            if value != usual
        ]
    recorded = sum(map(len, groups.values()))
    checked.places += recorded
    if lacking := len(study.cells) - recorded:
        checked.notes.append(f"{what}: not recorded in {lacking} of {len(study.cells)} cells")


def _short(sha256: str | None) -> str:
    return sha256[:8] if sha256 else "none"


def _compare_losses(study: Evidence, checked: Checked, pauses: Mapping[str, Resumption]) -> None:
    """Common random numbers, read off the rows."""
    comparable = np.zeros(len(study.cells), dtype=bool)
    for i, key in enumerate(study.cells):
        record = study.records.get(key)
        on_gpus = record is not None and record.gpus_per_trial > 0
        comparable[i] = study.tasks[key[0]].only_engine is None and not on_gpus
    checked.places += int(comparable.sum())
    if not comparable.all():
        checked.notes.append(
            f"losses: not applicable to {int((~comparable).sum())} of {len(study.cells)} cells, "
            "which were run on GPUs or by functions that seed themselves"
        )
    # a crash stands for no training
    kept = np.flatnonzero(comparable[study.code] & (study.column("status") != "failed"))
    problem = pd.factorize(pd.Series([(task, seed) for task, _, seed in study.cells]))[0]
    group = problem[study.code[kept]]
    config = pd.factorize(study.frame["config_id"].iloc[kept])[0]
    level = study.column("level")[kept]
    order = np.lexsort((level, config, group))
    same = np.ones(max(len(order) - 1, 0), dtype=bool)
    for part in (group, config, level):
        same &= np.diff(part[order]) == 0
    said = np.zeros(len(same), dtype=bool)
    for which in ("val_loss", "test_loss"):
        values = study.column(which)[kept][order]
        # what is infinite is another check's business; one without a loss did not end alike
        none = np.isnan(values)
        differ = (np.abs(np.diff(values)) > 0) | (none[1:] != none[:-1])
        # where nothing is held out both are one loss, which differs once
        bad = np.flatnonzero(same & differ & ~said)
        said[bad] = True
        groups, at, counts = np.unique(group[order][bad], return_index=True, return_counts=True)
        for _, i, count in zip(groups, at, counts, strict=True):
            one, other = (int(kept[order[bad[i] + j]]) for j in (0, 1))
            row, theirs = study.frame.iloc[one], study.frame.iloc[other]
            mine = bad[i : i + count]
            pairs = np.stack([kept[order[mine]], kept[order[mine + 1]]])
            checked.findings.append(
                Finding(
                    CHECK,
                    f"{row['task']}, seed {row['seed']}",
                    f"{which} of configuration {row['config_id']} at level {row['level']}: "
                    f"{row[which]:.6g} under {row['method']}, {theirs[which]:.6g} under "
                    f"{theirs['method']}{more(int(count) - 1)}"
                    f"{_reason(study, row['task'], pairs, pauses)}",
                )
            )


def _reason(study: Evidence, task: str, pairs: Ints, pauses: Mapping[str, Resumption]) -> str:
    """Why trainings differ, where the rows say it.

    Args:
        study: all rows.
        task: whose rows.
        pairs: numbers of rows that should be equal and are not, shape (2, n).
        pauses: of each task that can resume, what became of its paused trainings.
    """
    if task not in pauses:
        return ""
    own = pauses[task]
    begin = study.starts[next(i for i, key in enumerate(study.cells) if key[0] == task)]
    if not own.resumed[pairs - begin].any(axis=0).all():
        return ""
    if own.may_start_over:
        return f"; likely reason: {own}, so a function ignores its state"
    return (
        "; likely reason: only trainings that were paused differ, so a function ignores its state, "
        "or leaves something out of it"
    )
