"""The benchmark of journals measures what it says."""

from dataclasses import replace

from bohb_study.benchmarking import journal_cost as measured


def test_a_cell_that_goes_on_has_the_same_rows() -> None:
    """Digits, a full evaluation of 27 epochs: 24 reports are taken from the journal."""
    found = measured.resumption(measured.job_of("digits", "random", 1))
    assert found.equal
    assert found.reports == 24
    assert found.repeated == 24
    assert found.replay > 0
    assert found.again > 0


def test_what_a_journal_costs() -> None:
    job = measured.job_of("branin-mf", "random", 3)
    found = measured.cost(job, repeats=1)
    assert found.reports == 3
    assert found.megabytes == 0  # it took no second
    assert min(found.without, found.with_, found.cpu_ratio) > 0
    assert replace(found, method="x") != found
