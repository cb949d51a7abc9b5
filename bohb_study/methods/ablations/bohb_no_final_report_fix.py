"""BOHB whose brackets are filled once, and whose model misses the reports that end a trial."""

from bohb_study.methods.ablations.variants import with_scheduler
from bohb_study.methods.ray.hyperband_for_bohb import FillsBracketsOnce

METHOD = with_scheduler(
    "bohb-no-final-report-fix",
    FillsBracketsOnce,
    "brackets patched, final reports not passed to the model",
    label="BOHB without the final-report fix",
    stream="bohb-halving-mended",
)
