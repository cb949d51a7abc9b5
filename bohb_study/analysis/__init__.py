"""From frames of reports to what figures and tables show: pure functions, no files, no drawing."""

from bohb_study.analysis.comparisons.final_results import summary
from bohb_study.analysis.incumbents.alignment import align
from bohb_study.analysis.incumbents.anytime_curves import AnytimeData, MethodCurves, anytime
from bohb_study.analysis.incumbents.final_incumbents import final_incumbents, finals_summary
from bohb_study.analysis.incumbents.rules import RULES, Rule, can_validate, main_rule
from bohb_study.analysis.incumbents.step_functions import Axis, StepFunction
from bohb_study.analysis.incumbents.traces import IncumbentTrace, incumbent, trace, traces
from bohb_study.analysis.statistics.aggregate import (
    BOOTSTRAP_SEED,
    Aggregate,
    Estimate,
    aggregate,
    estimate,
)

__all__ = [
    "BOOTSTRAP_SEED",
    "RULES",
    "Aggregate",
    "AnytimeData",
    "Axis",
    "Estimate",
    "IncumbentTrace",
    "MethodCurves",
    "Rule",
    "StepFunction",
    "aggregate",
    "align",
    "anytime",
    "can_validate",
    "estimate",
    "final_incumbents",
    "finals_summary",
    "incumbent",
    "main_rule",
    "summary",
    "trace",
    "traces",
]
