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

from tidegate.core.access.room_rules import RoomName
from tidegate.handlers.answer import Answer
from tidegate.handlers.call import Call, copied
from tidegate.handlers.errors import HandlersError, NotDone
from tidegate.handlers.gateway import Gateway
from tidegate.handlers.handler import Handler, name_of
from tidegate.handlers.identity import APPLICATION, SYSTEM, Identity
from tidegate.handlers.lifecycle import Connection, Stop
from tidegate.handlers.loading import load
from tidegate.handlers.port import EVERYONE
from tidegate.handlers.refused import Refused
from tidegate.handlers.rules import Action, Filter, RoomAction, RoomRule, Rule
from tidegate_protocol import Principal

__all__ = [
    "APPLICATION",
    "EVERYONE",
    "SYSTEM",
    "Action",
    "Answer",
    "Call",
    "Connection",
    "Filter",
    "Gateway",
    "Handler",
    "HandlersError",
    "Identity",
    "NotDone",
    "Principal",
    "Refused",
    "RoomAction",
    "RoomName",
    "RoomRule",
    "Rule",
    "Stop",
    "copied",
    "load",
    "name_of",
]
