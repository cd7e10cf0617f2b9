"""What an application adds to the gateway in Python: handlers of the application's messages, and rules about rows.

An application's module makes a `Gateway`, puts functions on it, and is named in the setting `handlers`
(`--handlers shop.messages:gateway`). The schema says what may be asked and answered; a handler only does it.
This module knows neither sockets nor schemas.
Invariant: a handler gets only valid messages of its type, from a user that `x-access` allows to send them.

    from tidegate.handlers import Call, Gateway, Refused
    from app_contract import Bought, BuyRequest

    gateway = Gateway()

    @gateway.on("buy")
    async def buy(request: BuyRequest, call: Call) -> Bought:
        if request.amount > stock:
            raise Refused("conflict", "not that many are left", pointer="/amount")
        return Bought(left=stock - request.amount)

    @gateway.rule("orders", "read", "update")
    def of_my_shops(user: Principal, claims: Mapping[str, Any]) -> Filter:
        return {"shop": {"in": shops_of(user.id)}}
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_type_hints

import msgspec

from tidegate.core.errors import Refused, TidegateError
from tidegate_protocol import Principal
from tidegate_protocol.typed import typed

__all__ = ["Action", "Call", "Filter", "Gateway", "HandlersError", "Principal", "Refused", "Rule", "load"]

GENERATED = Path("generated", "python")
"""Where `tidegate generate` puts the application's models unless told otherwise."""
PACKAGE = "app_contract"
"""The package of these models."""

Function = TypeVar("Function", bound=Callable[..., Any])
Action = Literal["read", "create", "update", "delete"]
Filter = Mapping[str, Any]
"""As clients write them (docs/reference/filters.md)."""
Rule = Callable[[Principal, Mapping[str, Any]], Filter | bool]
"""Of a user and its token's claims: the rows that it may do something with; True and False are all and none."""


class HandlersError(TidegateError):
    """Handlers that cannot be used; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Call:
    """The user and the connection that a message comes from."""

    user: Principal
    """As the gateway knows the user; never what the message claims."""
    connection: str
    """The id of the connection, as `welcome` said it."""


@dataclass(frozen=True, slots=True)
class Handler:
    """A function for one type of message. `model`: what it wants the message as; None for a plain dict."""

    function: Callable[..., Any]
    model: type[msgspec.Struct] | None
    takes_call: bool
    waits: bool
    """It is an `async` function: it runs in an event loop, and a plain function runs in a thread."""

    @property
    def name(self) -> str:
        return name_of(self.function)

    def __call__(self, message: dict[str, Any], call: Call) -> Any:
        """What the function returns: a reply, or the coroutine of one. May raise anything."""
        request = message if self.model is None else typed(message, self.model)
        return self.function(request, call) if self.takes_call else self.function(request)


class Gateway:
    """The handlers of one application, by the type of message, and its rules, by resource and action."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        self.rules: dict[tuple[str, Action], Rule] = {}

    def on(self, type_: str) -> Callable[[Function], Function]:
        """Let a function handle the messages of `type_`.

        It takes the message, as the Struct that its first parameter is annotated with, or as a dict, and may take
        a `Call` as well. It returns the reply (a Struct or a dict; `type` and `ref` are filled in), or raises Refused.
        Raises HandlersError for a type that has a handler already.
        """

        def register(function: Function) -> Function:
            if type_ in self.handlers:
                first = self.handlers[type_].name
                raise HandlersError(f"{type_!r} has two handlers: {first} and {name_of(function)}")
            self.handlers[type_] = _handler(function)
            return function

        return register

    def rule(self, resource: str, *actions: Action) -> Callable[[Rule], Rule]:
        """Let a function say which rows a user may read, create, update or delete, as far as the schema allows it.

        It is asked once a connection, resource and action, and again when the client sends `authenticate`. It runs in
        a thread, but the whole gateway waits for it: it should look at what it has in memory, and has failed after one
        second. If it fails, the gateway refuses the request.
        Raises HandlersError.
        """

        def register(function: Rule) -> Rule:
            if not actions:
                raise HandlersError(f'{name_of(function)}: name an action: @gateway.rule({resource!r}, "read")')
            for action in actions:
                if (resource, action) in self.rules:
                    raise HandlersError(f"there are two rules for {action!r} of {resource!r}")
                self.rules[resource, action] = function
            return function

        return register


def load(target: str) -> Gateway:
    """The `Gateway` that `module:name` names; the working directory and its generated code are searched first.

    Raises HandlersError.
    """
    module_name, _, name = target.partition(":")
    for folder in (Path.cwd() / GENERATED, Path.cwd()):
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    try:
        module = importlib.import_module(module_name)
        found = getattr(module, name or "gateway", None)
    except HandlersError:
        raise
    except KeyboardInterrupt:  # Ctrl-C, while the application is being imported
        raise
    except BaseException as error:  # the application's code may fail in any way
        raise HandlersError(f"handlers: {_why(error, module_name)}") from error
    if not isinstance(found, Gateway):
        raise HandlersError(f"handlers: {module_name!r} has no Gateway called {name or 'gateway'!r}")
    return found


def _why(error: BaseException, module: str) -> str:
    """Why the module `module` cannot be imported, in one sentence; and the command that helps, if there is one."""
    if isinstance(error, ImportError) and (error.name or "").partition(".")[0] == PACKAGE:
        if not (GENERATED / PACKAGE).is_dir():
            return f"{module!r} imports {PACKAGE}, the generated code, which is not there; type: tidegate generate"
        what = str(error).partition(" (")[0]
        return f"{_where(error)}{what}; it is made of the schema files; if they are newer, type: tidegate generate"
    if isinstance(error, ModuleNotFoundError) and error.name == module:
        return f"there is no module {module!r} in {Path.cwd()}, which the setting `handlers` names"
    try:
        return f"{_where(error)}{type(error).__name__}: {getattr(error, 'msg', None) or error}"
    except BaseException:  # the text of an exception is the application's code, too
        return f"{_where(error)}{type(error).__name__}"


def _where(error: BaseException) -> str:
    """The last line of the application's code that `error` came through, as `file, line 7: `; "" if there is none."""
    place = None
    if isinstance(error, SyntaxError) and error.filename:
        place = Path(error.filename), error.lineno or 1
    for frame, line in traceback.walk_tb(error.__traceback__) if place is None else ():
        file = Path(frame.f_code.co_filename)
        if file.is_relative_to(Path.cwd()) and "site-packages" not in file.parts:
            place = file, line
    if place is None:
        return ""
    file, line = place
    shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    return f"{shown}, line {line}: "


def copied(user: Principal) -> Principal:
    """A copy for the application, which may change it without an effect on the session."""
    return msgspec.structs.replace(user, roles=list(user.roles))


def name_of(function: Callable[..., Any]) -> str:
    """The name of a function for log lines. An object that can be called has none: then it is that of its class."""
    name = getattr(_called(function), "__qualname__", None)
    return name if isinstance(name, str) else type(function).__qualname__


def _called(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function behind `function`, which may be a `functools.partial`, or an object with `__call__`."""
    while isinstance(function, functools.partial):
        function = function.func
    return function if inspect.isroutine(function) or inspect.isclass(function) else type(function).__call__


def _handler(function: Callable[..., Any]) -> Handler:
    parameters = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind in {parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD}
    ]
    if not 1 <= len(parameters) <= 2:  # the message, and perhaps the call
        raise HandlersError(f"{name_of(function)}: a handler takes the message, and may take a Call as well")
    wanted = get_type_hints(_called(function)).get(parameters[0].name)
    model = wanted if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct) else None
    return Handler(function, model, len(parameters) > 1, inspect.iscoroutinefunction(_called(function)))
