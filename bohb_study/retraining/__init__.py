"""The final configurations of a study, trained again: off the ledger, and choosing nothing.

Each cell's incumbent with fresh training seeds, and each method's best once on all data.
"""

from bohb_study.retraining.plan import TrainingJob, chosen, plan
from bohb_study.retraining.run import REPEATS, retrain_finals

__all__ = ["REPEATS", "TrainingJob", "chosen", "plan", "retrain_finals"]
