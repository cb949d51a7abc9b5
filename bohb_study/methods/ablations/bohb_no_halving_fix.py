"""BOHB whose model sees the reports that end a trial, and whose brackets are those of Ray."""

from bohb_study.methods.ablations.variants import with_scheduler
from bohb_study.methods.ray.hyperband_for_bohb import ReportsFinalResults

METHOD = with_scheduler(
    "bohb-no-halving-fix",
    ReportsFinalResults,
    "final reports passed to the model, brackets not patched",
    label="BOHB without the halving fix",
    stream="bohb-ends-told",
    known_defect="at one trial at a time it stops halving after its first bracket",
)
