"""What a training changes as it goes on, saved when it is paused and loaded when it is resumed."""

import copy
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor


class Stateful(Protocol):
    """A network, an optimiser, a gradient scaler."""

    def state_dict(self) -> dict[str, Any]:
        """Its state, which may share memory with it."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:
        """Go on from a state of ``state_dict``."""


@dataclass
class TrainingState:
    """The parts of a training that have a state, and how far it is."""

    parts: dict[str, Stateful]
    epoch: int = 0
    """Epochs that are done."""
    diverged: bool = False
    """Whether it has diverged at any epoch so far."""

    def check(self, level: int) -> None:
        """Raise ValueError where epoch ``level`` is not ahead."""
        if level <= self.epoch:
            raise ValueError(f"at epoch {self.epoch} already, cannot advance to {level}")

    def saved(self) -> dict[str, Any]:
        """A copy that training on does not change.

        On the CPU, wherever it is trained: a paused trial may go on elsewhere.
        """
        states = {name: _on_cpu(part.state_dict()) for name, part in self.parts.items()}
        return copy.deepcopy({**states, "epoch": self.epoch, "diverged": self.diverged})

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what ``saved`` gave for the same task, seed and configuration."""
        # Copied, because the optimizer would go on in the very tensors that it is given.
        state = copy.deepcopy(state)
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        self.epoch, self.diverged = state["epoch"], state["diverged"]


def _on_cpu(value: Any) -> Any:
    """``value`` with its tensors on the CPU."""
    if isinstance(value, Tensor):
        return value.cpu()
    if isinstance(value, dict):
        return {key: _on_cpu(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_on_cpu(item) for item in value]
    return value
