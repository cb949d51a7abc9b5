"""The token by which Ray knows who may use a cluster."""

import os
from pathlib import Path

MODE, TOKEN, TOKEN_FILE = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
"""Variables that Ray reads when it is imported."""


def use_cluster_token(address: str | None) -> None:
    """Let this process show the cluster its token, if it has one; called before Ray is imported.

    ``ray start`` asks for the token by default wherever ``~/.ray/auth_token`` is, and every local
    Ray leaves one there; a process that connects shows it only where it is told to (Ray 2.60,
    ``ray._private.authentication.authentication_token_setup``). A cluster that asks for none lets
    it in, but cannot start its actors: ``RAY_AUTH_MODE=disabled`` is for such.

    Args:
        address: of the cluster; nothing is done without one.
    """
    if address is None or MODE in os.environ:
        return
    default = Path.home() / ".ray" / "auth_token"
    if any(os.environ.get(name) for name in (TOKEN, TOKEN_FILE)) or default.is_file():
        os.environ[MODE] = "token"
