"""Is every loss a number, and is there none where there is no result?"""

from bohb_study.audit.evidence import Checked, Evidence
from bohb_study.schema import misfitting_losses

CHECK = "finite"


def check_finite(study: Evidence) -> Checked:
    """A result has a validation loss that is a number, and what failed has no losses at all.

    NaN would survive halving, promoted over finite, better trials; and a number that stood for a
    failure would be better than real losses of another scale. A test loss may be undefined.
    """
    val, test, status = (study.column(n) for n in ("val_loss", "test_loss", "status"))
    findings = study.found(
        CHECK,
        misfitting_losses(study.frame),
        lambda i: f"{status[i]}, with val_loss {val[i]} and test_loss {test[i]}",
    )
    return Checked(places=len(study.cells), findings=findings)
