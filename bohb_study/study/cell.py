"""The unit that is run and stored, and the hash that names a study."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Cell:
    """One (task, method, seed): the unit that is run, stored, resumed and reproduced."""

    task: str
    method: str
    seed: int

    def __str__(self) -> str:
        """The name ``task/method/seed``, as it is on disk."""
        return f"{self.task}/{self.method}/{self.seed}"


def identity_id(identity: Mapping[str, Any]) -> str:
    """What names a study of this identity: eight hexadecimal digits."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]
