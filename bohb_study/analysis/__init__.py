"""From frames of reports to what figures and tables show: pure functions, no files, no drawing."""

from bohb_study.analysis.aggregate import Aggregate, Estimate, aggregate, bootstrap_seed, estimate
from bohb_study.analysis.align import Axis, align
from bohb_study.analysis.curves import AnytimeData, MethodCurves, anytime
from bohb_study.analysis.finals import final_incumbents, finals_summary
from bohb_study.analysis.incumbent import RULES, Rule, can_validate, incumbent, main_rule
from bohb_study.analysis.summary import summary

__all__ = [
    "RULES",
    "Aggregate",
    "AnytimeData",
    "Axis",
    "Estimate",
    "MethodCurves",
    "Rule",
    "aggregate",
    "align",
    "anytime",
    "bootstrap_seed",
    "can_validate",
    "estimate",
    "final_incumbents",
    "finals_summary",
    "incumbent",
    "main_rule",
    "summary",
]
