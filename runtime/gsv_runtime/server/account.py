"""The account that the server runs as: one of its own, where root starts it.

`python -m gsv_runtime.server.account NAME COMMAND...` gives up root's rights for those of NAME and becomes the command.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from gsv_runtime.server.triton_process import ServerFailed

VARIABLE = "GSV_USER"
AS_ROOT = (
    "the server runs as root, so whoever has its key can run code as root; "
    'give it an account of its own: user = "gsv" in gsv.toml, or GSV_USER'
)


def chosen(environment: Mapping[str, str]) -> pwd.struct_passwd | None:
    """The account that the operator wants the server to run as; None: the one that starts it.

    Raises:
        ServerFailed: there is no such account, or it is another's and root does not start the server.
    """
    name = environment.get(VARIABLE)
    if not name:
        return None
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        raise ServerFailed(f"{VARIABLE} is {name!r}, no account here; make one: useradd --system {name}") from None
    if found.pw_uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        own = pwd.getpwuid(os.geteuid()).pw_name
        raise ServerFailed(f"{VARIABLE} is {name!r}; only root can start a server as another; this is {own}")
    return found


def command_as(account: pwd.struct_passwd | None, command: Sequence[str]) -> list[str]:
    """The command line that runs `command` as an account."""
    if account is None:
        return list(command)
    return [sys.executable, "-m", "gsv_runtime.server.account", account.pw_name, *command]


def give(account: pwd.struct_passwd | None, places: Iterable[Path]) -> None:
    """Make an account the owner of files, and of folders with all that is in them; links are not followed."""
    if account is None:
        return
    for place in places:
        for path in (place, *place.rglob("*")) if place.is_dir() else (place,):
            with contextlib.suppress(FileNotFoundError):
                if path.lstat().st_uid != account.pw_uid:
                    os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


def become(account: pwd.struct_passwd) -> None:
    """Give up all other rights, for good."""
    os.initgroups(account.pw_name, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    os.environ.update(HOME=account.pw_dir, USER=account.pw_name, LOGNAME=account.pw_name)


def main() -> None:
    """See the module's first lines."""
    account, command = pwd.getpwnam(sys.argv[1]), sys.argv[2:]
    become(account)
    try:
        os.execv(command[0], command)
    except PermissionError:
        program = Path(command[0]).resolve()
        sys.exit(
            f"{account.pw_name} may not run {program}; a Python in a home folder is its owner's alone: "
            "make .venv with one that all may run, such as /usr/bin/python3.11 (make setup PYTHON=…)"
        )


if __name__ == "__main__":
    main()
