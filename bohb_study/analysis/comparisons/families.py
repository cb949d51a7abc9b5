"""Which tasks are variants of one another, and so count as one where tasks are averaged."""

import re

FAMILIES = (
    "mfh", "counting-ones", "fcnet", "hpobench-mlp", "nasbench201", "lcdb",
    "mlp", "logreg", "boosting", "svm", "bnn", "series", "fashion-mnist",
)  # fmt: skip
"""First parts of names, before a number or a dash: variants of one function in more or fewer
dimensions, or data sets of one collection."""


def family_of(task: str) -> str:
    """The family of a task; its own name where it has no relatives."""
    kin = [family for family in FAMILIES if re.match(rf"{family}(\d*(-|$))", task)]
    return kin[0] if kin else task
