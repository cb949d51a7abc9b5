"""Had every method of a task spent its budget, so that they can be compared?"""

from bohb_study.analysis.comparisons.spending import in_words, spent_shares, underspent
from bohb_study.audit.evidence import Checked, Evidence, Finding

CHECK = "spend"
NOT_COMPARED = "such a task is left out of ranks, counts and tests"


def check_spend(study: Evidence) -> Checked:
    """Each method on a task had spent at least 90 % of its budget, over its seeds.

    A method may end sooner, as where its space is used up: that breaks no rule, but nothing is
    concluded from the comparison.
    """
    checked = Checked()
    accounts = {
        key: record.ledger for key, record in study.records.items() if record.ledger is not None
    }
    larger = {name for name, facts in study.methods.items() if facts.budget_factor > 1}
    for task, shares in spent_shares(accounts).items():
        checked.places += len(shares)
        checked.table += [
            {"task": task, "method": method, "spent": share} for method, share in shares.items()
        ]
        if short := underspent(shares, larger):
            what = f"unequal spend of the budget: {in_words(short)}"
            checked.findings.append(Finding(CHECK, task, what, known=NOT_COMPARED))
    return checked
