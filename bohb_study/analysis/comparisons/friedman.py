"""Methods compared over families of tasks: Friedman's test, and which differ from which.

Only on a complete block of at least ten families: with fewer the tests have next to no power, and
variants of one function counted as tasks of their own would only feign it (Demsar, JMLR 2006,
section 3.2; Benavoli et al., JMLR 2016 for Wilcoxon-Holm in place of Nemenyi).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import friedmanchisquare

from bohb_study.analysis.comparisons.families import family_of

LEAST_FAMILIES = 10
"""Families from which a Friedman test is made and a critical-difference diagram drawn."""


@dataclass(frozen=True, eq=False)
class BlockTests:
    """What the tests say of m methods on a complete block of families."""

    families: tuple[str, ...]
    ranks: "pd.Series[float]"
    """Mean rank of each method over the families, 1 the best."""
    statistic: float
    """Friedman's chi-square, m - 1 degrees of freedom."""
    p: float
    pairwise: pd.DataFrame
    """p of each pair, Wilcoxon signed-rank after Holm's correction: shape (m, m), diagonal 1."""


def family_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores of shape (tasks, methods) averaged to (families, methods), sorted by family."""
    return scores.groupby(family_of).mean()


def block_tests(scores: pd.DataFrame) -> BlockTests | str:
    """Friedman's test and pairwise Wilcoxon-Holm over families; or why there is none.

    Args:
        scores: one row a task, one column a method; lower is better, and of one scale for all
            tasks of a family, such as mean ranks (``RankCurves.final``). NaN where there is none.

    Returns:
        The tests; or one sentence where the block is not complete, has fewer than ten families,
        or fewer than three methods.
    """
    gaps = [f"{task}/{method}" for method in scores for task in scores.index[scores[method].isna()]]
    if gaps:
        return f"No critical-difference diagram: the block lacks {', '.join(gaps)}."
    block = family_scores(scores)
    families = tuple(map(str, block.index))
    if len(families) < LEAST_FAMILIES:
        return (
            f"No critical-difference diagram: it needs {LEAST_FAMILIES} families of tasks; there "
            f"{'is' if len(families) == 1 else 'are'} {len(families)} ({', '.join(families)})."
        )
    if block.shape[1] < 3:
        return "No critical-difference diagram: it needs three methods."
    import scikit_posthocs  # draws as well, and takes seconds to load: only where it is used

    columns = block.to_numpy(dtype=np.float64).T
    statistic, p = friedmanchisquare(*columns)
    with np.errstate(invalid="ignore"):  # two methods alike everywhere: no p, which is 1 here
        pairwise = scikit_posthocs.posthoc_wilcoxon(columns, p_adjust="holm")
    pairwise.index = pairwise.columns = block.columns
    return BlockTests(
        families, block.rank(axis=1).mean(), float(statistic), float(p), pairwise.fillna(1.0)
    )
