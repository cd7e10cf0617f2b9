"""The part of a process that the supervisor of `tidegate serve --workers N` starts: a worker, or the hub."""

from __future__ import annotations

import argparse

from tidegate import config, event_loops, logs, tls
from tidegate.config import ConfigError, Settings
from tidegate.ending import Ending
from tidegate.workers import fitting, place, shares
from tidegate.workers.member import Member
from tidegate.workers.times import RELOAD_DRAIN_S


def run(args: argparse.Namespace) -> int:
    """Run the member that `args.member` describes."""
    member = Member(place.of_text(args.member))
    try:
        settings = config.load(args)
        logs.set_up(settings.log_level, member.place.name, settings.log_format)
        return _hub(settings, member) if member.place.kind == "hub" else _worker(settings, member)
    except ConfigError as error:
        member.failed(str(error))
        raise


def _worker(settings: Settings, member: Member) -> int:
    from tidegate import app, open_files  # noqa: PLC0415  # the whole gateway, which the hub does not need
    from tidegate.start import Start  # noqa: PLC0415  # as above

    own = shares.of_worker(settings, member.place.count, hub=member.place.hub)
    certificate = tls.opened(own.tls_cert, own.tls_key, own.tls_client_ca)
    with Ending(own.graceful_stop, own.drain_delay + max(own.drain, RELOAD_DRAIN_S)) as ending:
        application = app.load_application(own)
        fitting.check(member.place, application.contract.bundle_json)
        logs.enable()

        def ready(_: int) -> None:
            if member.place.number == 1:
                open_files.warn(own.max_connections)
            member.ready()

        event_loops.run(
            app.serve(own, ready, application, ending, Start(member.sockets(), member, certificate)), own.loop
        )
    return 0


def _hub(settings: Settings, member: Member) -> int:
    from tidegate.workers import hub  # noqa: PLC0415  # only what the hub needs

    own = shares.of_hub(settings, member.place.count)
    logs.enable()
    event_loops.run(hub.serve(own, member), own.loop)
    return 0
