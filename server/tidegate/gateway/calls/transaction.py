"""The transaction of one call of a handler: begun when the handler first asks for `call.db`.

It is committed after the reply was encoded and before it is sent, and undone where the handler fails, refuses, or is
not waited for any more. It knows no database.
Invariant: a client gets a reply only if what its handler wrote in the transaction is committed.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import weakref
from typing import Any, Protocol

from tidegate.core.errors import Refused
from tidegate.counted import Counted
from tidegate.gateway.calls.keyed import Keyed, reply_of
from tidegate.handlers.errors import HandlersError

TOO_LONG = Counted(
    logging.getLogger("tidegate.handlers"),
    logging.ERROR,
    "the transaction of a handler is undone after %g s, because all writes wait for it: do slow things before call.db",
    name="transaction_too_long",
)
IN_LOOP = "an `async` handler cannot use call.db, which blocks its thread: write the handler without `async`"

IN_TRANSACTION = (
    "call.db holds SQLite's lock of all writers, and the gateway would wait for it to {what}: do that before the first "
    "use of call.db"
)
_of_thread = threading.local()
"""`transaction`: a weak reference to the one that was used last in this thread, which may be over."""


class Transaction(Protocol):
    """One that has begun. `store.transactions` implements it."""

    @property
    def models(self) -> Any: ...

    def remember(self, asked: Keyed, reply: str) -> None:
        """Keep a reply, with this transaction. Raises Refused where a reply is kept under this key already."""

    def commit(self) -> None:
        """Raises whatever the database refuses; then it is undone."""

    def rollback(self) -> None: ...

    def abort(self) -> None:
        """Undo it in any thread, while the handler may still use it. May block for a moment."""


class Transactions(Protocol):
    """Of the gateway's database."""

    @property
    def longest(self) -> float | None:
        """Seconds that a transaction may take, because it holds up all other writers; None where it does not."""

    def begin(self, user: str, key: str | None) -> Transaction:
        """What is changed in it is logged as changed by `user`, with this idempotency key.

        Blocks its thread. Raises Refused(unavailable).
        """

    def kept(self, asked: Keyed) -> tuple[bytes, str] | None:
        """The digest and the reply that are kept under this key. Blocks. Raises Refused(unavailable)."""

    def close(self) -> None:
        """Close the connections that no transaction uses. Blocks."""


class CallTransaction:
    """`open` and `finish` belong to the threads of the application, `abort` to the gateway's loop."""

    def __init__(self, transactions: Transactions, user: str, asked: Keyed | None = None) -> None:
        """`user`: the id of the user who asks. `asked`: the key under which the reply is to be kept."""
        self._transactions = transactions
        self._user = user
        self._asked = asked
        self._remembered = False
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        """For the two below: the database is never waited for while it is held."""
        self._begun: Transaction | None = None
        self._over = False

    def open(self) -> Any:
        """The models of the transaction, which begins now if it has not begun. Raises HandlersError, Refused."""
        if _in_loop():
            raise HandlersError(IN_LOOP)
        begun = self._begun
        if begun is None:
            begun = self._begin()
            with self._lock:
                over = self._over
                if not over:
                    self._begun = begun
            if over:
                begun.rollback()
                raise HandlersError("the call is over, so it has no transaction any more")
            self._loop.call_soon_threadsafe(self._limit)
        _of_thread.transaction = weakref.ref(self)
        return begun.models

    @property
    def excludes_writers(self) -> bool:
        """Whether everything that writes waits for its end."""
        return self._begun is not None and not self._over and self._transactions.longest is not None

    def _begin(self) -> Transaction:
        return self._transactions.begin(self._user, None if self._asked is None else self._asked.key)

    def _limit(self) -> None:
        if (seconds := self._transactions.longest) is not None:
            self._loop.call_later(seconds, self._too_long, seconds)

    def _too_long(self, seconds: float) -> None:
        if not self._over:
            TOO_LONG(seconds)
            self.abort()

    def finish(self, outcome: object) -> None:
        """The handler has `outcome`: commit, or undo where it is a refusal. Raises what the database refuses."""
        with self._lock:
            begun = self._begun
            self._over = True
        if isinstance(outcome, Refused):
            if begun is not None:
                begun.rollback()
        elif begun is not None:
            self._commit(begun, outcome)
        elif self._asked is not None and not _in_loop():
            self._commit(self._begin(), outcome)

    def undo(self) -> None:
        """A function of the call has failed, and one about it may still answer: undo what was written so far.

        The next use of `call.db` begins another transaction.
        """
        with self._lock:
            begun = self._begun
            if begun is None or self._over:
                return
            self._begun = None
        begun.rollback()

    def keep(self, frame: object) -> None:
        """Keep the reply of an `async` handler, for which `finish` could not wait. Blocks. Raises as `finish`."""
        if self._asked is not None and not self._remembered:
            self._commit(self._begin(), frame)

    def _commit(self, begun: Transaction, outcome: Any) -> None:
        try:
            if self._asked is not None:
                begun.remember(self._asked, reply_of(outcome))
        except BaseException:
            begun.rollback()
            raise
        begun.commit()
        self._remembered = True

    def abort(self) -> None:
        """The handler is not waited for any more. Does not block: a thread undoes what has begun."""
        with self._lock:
            begun, self._over = self._begun, True
        if begun is not None:
            asyncio.get_running_loop().run_in_executor(None, begun.abort)


def check_no_lock(what: str) -> None:
    """Raises HandlersError where the gateway cannot do `what` because this thread's handler holds up all writers."""
    transaction: CallTransaction | None = getattr(_of_thread, "transaction", lambda: None)()
    if transaction is not None and transaction.excludes_writers:
        raise HandlersError(IN_TRANSACTION.format(what=what))


def _in_loop() -> bool:
    """Whether an event loop runs in this thread, which must not block."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
