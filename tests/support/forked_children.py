"""In a forked command: the `tidegate` commands that it starts itself are forks, too, instead of new Pythons.

`tidegate dev` starts a gateway after each save, and `tidegate check contract` runs three commands; importing takes most
of their processor time. Everything else that `subprocess.Popen` starts is a new program, as always.
Invariant: a fork differs from a new program only in what it has imported: the streams, the environment, the folder, the
process group, the signal handlers and the log are those that `subprocess.Popen` and the start of Python would make.
"""

from __future__ import annotations

import atexit
import gc
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

BEFORE_THE_COMMAND = (["-m", "tidegate"], ["-P", "-m", "tidegate"])
"""What comes between Python and a command of ours."""
UNDERSTOOD = {"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}
"""What Python reads from the environment at its start, and a fork does, too."""
OURS = ("tidegate", "asyncio")
"""The loggers that a gateway sets up, beside the root logger."""

_path: list[str] = []
"""Where a new Python finds modules, without the folder that it starts in."""


class _ForkingPopen(subprocess.Popen[Any]):
    """`subprocess.Popen` that forks for our commands. `preexec_fn` runs in the fork, and here never returns."""

    def __init__(self, args: Any, *positional: Any, **options: Any) -> None:
        environment = dict(os.environ if options.get("env") is None else options["env"])
        command = _command(args, environment)
        if command is not None:
            assert not positional
            options["preexec_fn"] = partial(_run, command, environment, isolated=args[1] == "-P")
        super().__init__(args, *positional, **options)


def install() -> None:
    """From here on, `subprocess.run` forks, too. The first entry of `sys.path` is the folder of this command."""
    _path[:] = sys.path[1:]
    subprocess.Popen = _ForkingPopen  # type: ignore[misc]


def _command(args: Any, environment: Mapping[str, str]) -> Sequence[str] | None:
    """The arguments of `tidegate`; None for another program, and for a Python that is to start otherwise."""
    if not isinstance(args, list) or args[:1] != [sys.executable] or _of_python(environment) != _of_python(os.environ):
        return None
    for before in BEFORE_THE_COMMAND:
        if args[1 : 1 + len(before)] == before:
            return args[1 + len(before) :]
    return None


def _of_python(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith("PYTHON") and name not in UNDERSTOOD}


def run(main: Callable[[], int]) -> NoReturn:
    """Call the command's function, and end as Python does, but leave the modules as they are.

    To forget all of them would copy the memory that the fork shares with its parent: most of the processor time of a
    short command.
    """
    code = _code(main)
    threading._shutdown()  # type: ignore[attr-defined]  # waits for the threads that are no daemons
    atexit._run_exitfuncs()
    gc.collect()  # what was not closed may say so
    _end(code)


def _run(command: Sequence[str], environment: Mapping[str, str], *, isolated: bool) -> None:
    """Be the command, and end. The standard streams, the folder and the process group are the command's already."""

    def main() -> int:
        _become(environment, isolated=isolated)
        sys.argv = ["tidegate", *command]
        from tidegate import cli  # this module is imported before the gateway

        return cli.main()

    _end(_code(main))  # the functions that `atexit` knows are those of the program that started this one


def _code(main: Callable[[], int]) -> int:
    """The exit code of a command that calls `main`, and what Python prints for one that fails."""
    try:
        return main()
    except SystemExit as end:  # of a wrong option
        return end.code if isinstance(end.code, int) else 1
    except BaseException:  # as at the end of Python
        traceback.print_exc()
        return 1


def _end(code: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # it has no reader, or it was closed
            code = code or 120
    os._exit(code)


def _become(environment: Mapping[str, str], *, isolated: bool) -> None:
    """Do what the start of a new Python does."""
    # The program that starts this one waits until a pipe is closed, which the start of a new program would close.
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.path[:] = _path if isolated else [str(Path.cwd()), *_path]
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.dont_write_bytecode = bool(environment.get("PYTHONDONTWRITEBYTECODE"))
    lines = os.isatty(1) or bool(environment.get("PYTHONUNBUFFERED"))
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", buffering=1 if lines else -1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    for name in (None, *OURS):
        logging.getLogger(name).handlers.clear()
