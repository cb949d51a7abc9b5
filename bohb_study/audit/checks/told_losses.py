"""Was every method told the validation losses of its trials, and nothing else?"""

from bohb_study.audit.evidence import Checked, Evidence, Finding, name

CHECK = "told"


def check_told(study: Evidence) -> Checked:
    """Each loss that a searcher or a scheduler was given is the validation loss of its row.

    Counted where they are given it, by the wrappers that record what methods do, against what the
    recorder stores: an engine that told them another number, a test loss say, is seen by it.
    """
    checked = Checked()
    for key in study.cells:
        record = study.records.get(key)
        if record is None or not record.recorded("told"):
            continue
        checked.places += 1
        losses, otherwise = record.told["losses"], record.told["otherwise"]
        if otherwise:
            what = (
                f"{otherwise} of {losses} losses that its method was told are not the validation "
                "losses of its rows"
            )
            checked.findings.append(Finding(CHECK, name(key), what))
    if lacking := len(study.cells) - checked.places:
        checked.notes.append(f"not recorded in {lacking} of {len(study.cells)} cells")
    return checked
