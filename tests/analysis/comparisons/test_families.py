import pytest

from bohb_study.analysis.comparisons.families import FAMILIES, family_of
from bohb_study.tasks.registry import TASKS


@pytest.mark.parametrize(
    ("task", "family"),
    [
        ("mfh3", "mfh"),
        ("mfh3-good", "mfh"),
        ("mfh6-bad", "mfh"),
        ("counting-ones-8", "counting-ones"),
        ("hpobench-mlp-car", "hpobench-mlp"),
        ("nasbench201-cifar100", "nasbench201"),
        ("lcdb-23", "lcdb"),
        ("digits", "digits"),
        ("mlp-digits", "mlp"),
        ("logreg-fashion-mnist", "logreg"),
        ("boosting-dna", "boosting"),
        ("svm-mnist-5k", "svm"),
        ("bnn-toy", "bnn"),
        ("series-co2", "series"),
        ("fashion-mnist", "fashion-mnist"),
        ("fashion-mnist-1000", "fashion-mnist"),
        ("scan-llm", "scan-llm"),
        ("mfhartmann", "mfhartmann"),
        ("my-lcdb-23", "my-lcdb-23"),
    ],
)
def test_variants_of_one_function_are_kin(task: str, family: str) -> None:
    assert family_of(task) == family


def test_every_family_has_kin_among_the_tasks_and_every_task_one_family() -> None:
    found = {family_of(task) for task in TASKS}
    assert set(FAMILIES) <= found
    for task in TASKS:
        assert sum(task.startswith(f) for f in FAMILIES) <= 1
        assert family_of(family_of(task)) == family_of(task)
