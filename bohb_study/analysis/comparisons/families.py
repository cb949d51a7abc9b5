"""Which tasks are variants of one another, and so count as one where tasks are averaged."""

FAMILIES = ("mfh3", "mfh6", "counting-ones", "fcnet", "hpobench-mlp", "nasbench201", "lcdb")
"""First parts of names: variants of one function, or data sets of one collection."""


def family_of(task: str) -> str:
    """The family of a task; its own name where it has no relatives."""
    kin = [family for family in FAMILIES if task == family or task.startswith(family + "-")]
    return kin[0] if kin else task
