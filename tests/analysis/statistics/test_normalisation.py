import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bohb_study.analysis.statistics.normalisation import Reference, normalised

LOSSES = st.lists(st.integers(-100, 100) | st.none(), min_size=1, max_size=12)


@given(
    losses=LOSSES,
    best=st.integers(-50, 49),
    more=st.integers(1, 50),
    scale=st.sampled_from([2.0, 0.5, 4.0]),
)
def test_the_unit_of_a_loss_changes_nothing(
    losses: list[int | None], best: int, more: int, scale: float
) -> None:
    values = np.array([np.nan if loss is None else loss for loss in losses], dtype=np.float64)
    one = normalised(values, Reference(best, best + more, "", 1))
    other = normalised(scale * values, Reference(scale * best, scale * (best + more), "", 1))
    np.testing.assert_array_equal(one, other)
    assert np.isfinite(one).all()
    np.testing.assert_array_equal(one < 1, values < best + more)  # never of what is undefined
    np.testing.assert_array_equal(one == 0, values == best)


def test_any_shape_and_what_is_undefined_is_a_random_draw() -> None:
    found = normalised(np.array([[0.25, np.nan], [0.75, 0.0]]), Reference(0.25, 0.75, "", 1))
    np.testing.assert_array_equal(found, [[0.0, 1.0], [1.0, -0.5]])
