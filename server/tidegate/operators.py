"""What operators want of one process, as far as the settings say: the access log, the address for operators, and in
development mode what the console shows of the gateway."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tidegate.config import Settings
from tidegate.gateway.assembly import Parts
from tidegate.start import Start
from tidegate.store import OpenedStore
from tidegate.transport import ConnectionContext

if TYPE_CHECKING:
    from tidegate.admin.opening import AdminAddress


async def opened(
    settings: Settings,
    gateway: Parts,
    context: ConnectionContext,
    store: OpenedStore,
    start: Start,
    document: Callable[[str], bytes],
) -> AdminAddress | None:
    """`context`: that of the clients' listener. `document`: a whole document, by its name. Raises ConfigError."""
    if settings.dev and settings.serves_console:
        from tidegate.gateway import console_state  # noqa: PLC0415  # in development alone
        from tidegate.gateway.inspection import Connected  # noqa: PLC0415  # as above

        connected = Connected(gateway, lambda: context.connections, context.now, store.spent)
        context.routes.add(console_state.PATH, console_state.answer(connected))
    if settings.access_log:
        from tidegate.admin.access_log import AccessLog  # noqa: PLC0415  # only where it is on

        context.counts.on_end = AccessLog(context.now)
    if not settings.admin:
        return None
    from tidegate.admin import binding  # noqa: PLC0415  # a gateway without operators does not need it
    from tidegate.admin.between_workers import BetweenWorkers  # noqa: PLC0415  # as above
    from tidegate.admin.opening import AdminAddress  # noqa: PLC0415  # as above
    from tidegate.workers.counts import most_workers  # noqa: PLC0415  # as above

    address, member = AdminAddress(settings, gateway, context, store, document), start.member
    if member is None or member.place.hub is None:
        await address.open(binding.bound(settings.admin))
    else:
        place = member.place
        between = BetweenWorkers(member.place.hub, place.column, most_workers(place.count))
        await address.open(member.operators(), place.number, between)
    return address
