"""Functions of tensors that round alike on every processor."""

import numpy as np
import pytest
import torch

from bohb_study.methods.optuna.same_functions import SameFunctions

GIVEN = torch.tensor([1e-300, 0.3, 1.0, 2.5, 7e200], dtype=torch.float64)


def test_logarithms_are_the_c_librarys_and_roots_exact() -> None:
    many = torch.from_numpy(np.random.default_rng(0).uniform(0, 5, 4001))
    with SameFunctions():
        logs, roots = many.log(), torch.sqrt(many)
        changed = many.clone()
        assert changed.sqrt_() is changed
    assert np.array_equal(logs.numpy(), np.log(many.numpy()))
    assert np.array_equal(roots.numpy(), np.sqrt(many.numpy()))
    assert torch.equal(changed, roots)


@pytest.mark.parametrize("function", [torch.log, torch.sqrt])
def test_their_gradients_are_right(function: object) -> None:
    given = torch.tensor([0.2, 1.0, 3.0], dtype=torch.float64, requires_grad=True)
    with SameFunctions():
        assert torch.autograd.gradcheck(lambda x: function(x), given)  # type: ignore[operator]


@pytest.mark.parametrize("dim", [-1, (0, -1)])
def test_logsumexp_is_pytorchs_up_to_rounding_and_survives_infinities(dim: object) -> None:
    given = torch.stack((GIVEN.log(), GIVEN.log() - 800, torch.full((5,), -torch.inf)))
    expected = torch.logsumexp(given, dim)  # type: ignore[arg-type]
    with SameFunctions():
        found = torch.special.logsumexp(given, dim)
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, rtol=1e-14)


def test_numbers_that_have_none_are_as_pytorch_has_them() -> None:
    odd = torch.tensor([0.0, -1.0, torch.inf, torch.nan], dtype=torch.float64)
    expected = odd.log(), odd.sqrt()
    with SameFunctions():
        found = odd.log(), odd.sqrt()
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one.nan_to_num(9), other.nan_to_num(9))


def test_other_functions_and_what_comes_after_are_pytorchs_own() -> None:
    before = GIVEN.exp()
    with SameFunctions():
        assert torch.equal(GIVEN.exp(), before)
    assert GIVEN.log().grad_fn is None
    assert GIVEN.requires_grad_().log().grad_fn.name() == "LogBackward0"
