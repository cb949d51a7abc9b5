"""A trial of PPO is the golden one, whatever kernels are asked for from outside.

Apart from ``golden.json``: few configurations that are drawn at random converge, so the losses of a
small cell would all be the most that there are, however they are computed.
"""

import pytest

from bohb_study import numerics
from fresh_python import printed

pytestmark = pytest.mark.long
pytest.importorskip("gymnasium")

GOLDEN = "206 25443"
"""Episodes and steps until a sane configuration converges."""
OTHER_KERNELS = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
    "OPENBLAS_CORETYPE": "Nehalem",
    "ATEN_CPU_CAPABILITY": "default",
    "MKL_CBWR": "SSE4_2",
}
TRIAL = """
import bohb_study
from bohb_study.tasks import make_task
config = dict(l1=32, l2=32, batch_size=64, lr=3e-3, discount=0.98, clipping=0.2, entropy=0.01)
evaluation = make_task("ppo-cartpole").start(config, 5)
report = evaluation.advance(1)
print(int(report.val_loss), int(report.extra["steps"]))
"""


def test_a_trial_is_the_golden_one_under_settings_from_outside() -> None:
    assert printed(TRIAL, **OTHER_KERNELS, **{numerics.CHOICE: "portable"}).strip() == GOLDEN


def test_native_trials_follow_the_settings_so_the_golden_test_can_fail() -> None:
    assert printed(TRIAL, **OTHER_KERNELS, **{numerics.CHOICE: "native"}).strip() != GOLDEN
