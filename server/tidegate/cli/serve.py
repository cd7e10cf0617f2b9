"""`tidegate serve`: run the gateway, in this process or in workers that this process supervises."""

from __future__ import annotations

import argparse
import sys
from functools import partial

from tidegate import activation, config, event_loops, logs, tls
from tidegate.cli.development import supervised
from tidegate.cli.sample_note import say_sample
from tidegate.cli.serving.announcing import announce
from tidegate.config import ConfigError

EPILOG = """\
examples:
  tidegate serve --dev
  tidegate serve --port 9000 --database sqlite:////var/lib/app/app.db --schema ./schema
  TIDEGATE_SECRET=... TIDEGATE_HOST=0.0.0.0 tidegate serve --workers auto

SIGTERM or Ctrl-C stops the gateway: it informs its clients and answers what is under way. A second one ends the drain.
SIGHUP replaces the workers one after the other, without losing a connection; one process takes new origins, hosts,
rates, keys and log level, and a new certificate.
Every setting may also be in tidegate.toml, or in the environment as TIDEGATE_NAME; see docs/reference/settings.md.
"""

DEVELOPMENT = "tidegate: DEVELOPMENT MODE: tokens signed with the public development secret are accepted"


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "serve",
        help="run the gateway",
        description="Run the gateway until SIGTERM.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on; 0 takes a free one (default: 8787)")
    parser.add_argument(
        "--workers",
        metavar="NUMBER",
        help="worker processes that share the clients of this machine, or auto for one a core (default: 1)",
    )
    parser.add_argument(
        "--dev",
        action="store_true",
        default=None,
        help="development: accept development tokens and pages from this machine; loopback addresses only",
    )
    parser.add_argument(
        "--handlers",
        metavar="MODULE:NAME",
        help="handlers of the application's messages, such as shop.messages:gateway",
    )
    parser.add_argument(
        "--engine",
        metavar="URL",
        help="what joins the rooms of several gateways: redis://..., postgresql://... or database (default: memory)",
    )
    parser.add_argument(
        "--engine-prefix",
        dest="engine_prefix",
        metavar="NAME",
        help="the application's name in its engine, the same for each of its gateways",
    )
    parser.add_argument(
        "--admin",
        metavar="ADDRESS",
        help="address for operators: 127.0.0.1:8788 or unix:/run/tidegate/admin (default: none)",
    )
    parser.add_argument("--log-format", dest="log_format", metavar="FORMAT", help="console, or json (default: console)")
    parser.add_argument(
        "--loop", metavar="NAME", help="event loop: asyncio, uvloop, or auto for uvloop if installed (default: auto)"
    )
    parser.add_argument("--log-level", dest="log_level", help="debug, info, warning or error (default: info)")
    parser.add_argument("--supervised", action="store_true", help=argparse.SUPPRESS)  # for `tidegate dev`
    parser.add_argument("--member", help=argparse.SUPPRESS)  # for the supervisor of workers
    config.add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    if args.member is not None:
        from tidegate.cli.serving import members  # noqa: PLC0415  # only what a worker needs

        return members.run(args)
    from tidegate import identities  # noqa: PLC0415  # loads PyJWT
    from tidegate.workers import plan  # noqa: PLC0415  # knows the engines; only this command needs it

    settings = config.load(args)
    plan.check(settings, supervised=args.supervised)
    identities.check(settings)
    logs.set_up(settings.log_level, form=settings.log_format)
    say_sample(settings)
    try:
        sockets = activation.sockets()
    except OSError as error:
        raise ConfigError(f"socket activation: {error.strerror or error}") from None
    if settings.worker_count > 1:
        from tidegate.cli.serving import workers  # noqa: PLC0415  # no part of the gateway itself

        return workers.run(args, settings, sockets)
    from tidegate import app, open_files  # noqa: PLC0415  # the whole gateway; only this command needs it
    from tidegate.ending import Ending  # noqa: PLC0415  # as above
    from tidegate.start import Start  # noqa: PLC0415  # as above

    if settings.dev and not args.supervised:  # `tidegate dev` has printed it
        print(DEVELOPMENT, file=sys.stderr)
    certificate = tls.opened(settings.tls_cert, settings.tls_key, settings.tls_client_ca)
    with Ending(settings.graceful_stop, settings.drain_delay + settings.drain) as ending:
        application = app.load_application(settings)
        logs.enable()
        if args.supervised and not supervised.wait_for_turn():
            return 0

        def ready(port: int) -> None:
            # Only now, because a gateway that cannot start prints only the reason. Not in development, where a gateway
            # has a few clients and the warning would only distract.
            if not settings.dev:
                open_files.warn(settings.max_connections)
            announce(settings, port)

        event_loops.run(
            app.serve(
                settings,
                ready,
                application,
                ending,
                Start(sockets, certificate=certificate, reread=partial(config.load, args)),
            ),
            settings.loop,
        )
    return 0
