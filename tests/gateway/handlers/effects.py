"""What handlers do to the process: threads, logs, signals, the working directory, the processor."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextvars
import gc
import logging
import os
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable

from tidegate.handlers import Call

from .replies import answered
from .way import FOREVER, Message, Way, doing, throw

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="untouched")


def thread(work: Callable[[], object], *, daemon: bool = True) -> None:
    threading.Thread(target=work, daemon=daemon, name="thread-of-the-shop").start()


class Loud(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise RuntimeError("the log server is away")

    handle = emit  # type: ignore[assignment]


def noisy_log() -> None:
    handler = Loud()
    logging.getLogger().addHandler(handler)
    threading.Timer(0.2, logging.getLogger().removeHandler, [handler]).start()


def hopeful_roles(message: Message, call: Call) -> Message:
    call.user.roles.append("admin")
    call.user.id = "1"
    return {"value": 1}


def emptied_message(message: Message, call: Call) -> Message:
    message.clear()
    return {"value": 1}


def late_change(message: Message, call: Call) -> Message:
    reply: Message = {"value": ["as it was"]}

    def change() -> None:
        for _ in range(1000):
            reply["value"].append(object())
            message["more"] = reply

    threading.Timer(0.01, change).start()
    return reply


def seen_roles(message: Message, call: Call) -> Message:
    return {"value": 1} if call.user.id.startswith("anon-") and not call.user.roles else throw(ValueError("an admin"))


def seen_variable(message: Message, call: Call) -> Message:
    before = variable.get()
    variable.set("touched")
    return {"value": 1} if before == "untouched" else throw(ValueError("a variable of another call"))


def spin() -> None:
    end = time.monotonic() + 0.2
    while time.monotonic() < end:
        pass


def stuck() -> None:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def another_loop() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    asyncio.set_event_loop_policy(None)


EFFECTS: dict[str, Way] = {
    "change the working directory": doing(lambda: os.chdir("/")),
    "close standard output": doing(sys.stdout.close),
    "print to what is closed": doing(lambda: print("sold"), "internal"),
    "close standard error": doing(sys.stderr.close),
    "log to what is closed": doing(lambda: logging.getLogger("shop").error("sold")),
    "make warnings errors": doing(lambda: warnings.simplefilter("error")),
    "shut logging down": doing(logging.shutdown),
    "log to a handler that raises": doing(noisy_log),
    "set a signal's handler": doing(lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN), "internal"),
    "send SIGHUP": doing(lambda: os.kill(os.getpid(), signal.SIGHUP)),
    "leave a thread behind": doing(lambda: thread(lambda: time.sleep(FOREVER))),
    "leave a thread behind that is no daemon": doing(lambda: thread(lambda: time.sleep(FOREVER), daemon=False)),
    "leave a thread behind that raises": doing(lambda: thread(lambda: throw(ValueError("later")))),
    "sys.exit in a thread": doing(lambda: thread(sys.exit)),
    "leave a timer behind": doing(lambda: threading.Timer(FOREVER, print).start()),
    "leave an executor behind": doing(lambda: concurrent.futures.ThreadPoolExecutor(2).submit(time.sleep, FOREVER)),
    "wait at the exit": doing(lambda: atexit.register(time.sleep, FOREVER)),
    "raise at the exit": doing(lambda: atexit.register(throw, SystemExit(9))),
    "empty the message": (emptied_message, "done"),
    "change reply and message later": (late_change, "done"),
    "make the user an admin": (hopeful_roles, "done"),
    "look whether the user is an admin": (seen_roles, "done"),
    "set a context variable": (seen_variable, "done"),
    "set a context variable again": (seen_variable, "done"),
    "keep the processor busy": doing(spin),
    "sleep a little": doing(lambda: time.sleep(0.1)),
    "turn the garbage collector off": doing(gc.disable),
    "make chance predictable": doing(lambda: random.seed(1)),
    "forget the environment": doing(os.environ.clear),
    "replace the hooks": doing(lambda: setattr(threading, "excepthook", throw)),
    "use another event loop": doing(another_loop),
    "leave a coroutine behind": doing(answered),
    "leave files open": doing(lambda: [os.open(os.devnull, os.O_RDONLY) for _ in range(20)]),
    "take a lot of memory": doing(lambda: bytes(100_000_000)),
}
LATE: dict[str, Way] = {
    "sleep for ever": doing(lambda: time.sleep(FOREVER), "timeout"),
    "wait for a lock that is held": doing(stuck, "timeout"),
}
"""Ways that are answered at the deadline."""
