"""Random histories of three gateways: each of them, and every client, comes to show who is there."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

from tests.core.rooms.kit import as_read
from tests.core.rooms.one_of_several import Gateway
from tidegate.core.rooms.entries import PresenceEntry, RemoteMember
from tidegate.core.session import Session
from tidegate_protocol import (
    PresenceRequest,
)


class Cluster:
    """Three gateways whose shared presence travels in order, and a model of who is where."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.gateways = {f"n{number}": Gateway() for number in range(3)}
        self.log: list[tuple[str, str, PresenceEntry | None]] = []
        """What was shared in the room, in the engine's order: node, user, entry."""
        self.heard = dict.fromkeys(self.gateways, 0)
        self.inside: dict[str, list[Session]] = {node: [] for node in self.gateways}
        for node, gateway in self.gateways.items():
            self.inside[node].append(gateway.join(f"stays {node}"))
            self.spread(node)

    def spread(self, node: str) -> None:
        gateway = self.gateways[node]
        self.log += [(node, user, said) for _, user, said in gateway.shared]
        gateway.shared.clear()

    def hear(self, node: str) -> None:
        at = self.heard[node]
        if at < len(self.log):
            self.heard[node] += 1
            owner, user, said = self.log[at]
            if owner != node:
                self.gateways[node].elsewhere(user, said, owner)
                self.spread(node)

    def step(self) -> None:
        node = self.chance.choice(list(self.gateways))
        gateway, inside = self.gateways[node], self.inside[node]
        what = self.chance.random()
        if what < 0.25:
            mode = self.chance.choice(("diff", "full"))
            inside.append(gateway.join(self.chance.choice("abcd"), mode=mode, **self.about()))
        elif what < 0.4 and len(inside) > 1:
            gone = inside.pop(self.chance.randrange(1, len(inside)))
            if self.chance.random() < 0.5:
                gateway.run(gateway.rooms.dropped(gone, gateway.now))
            else:
                gateway.run(gateway.rooms.left(gone, gateway.now))
            gateway.shown.pop(gone.sink, None)
        elif what < 0.5:
            said = PresenceRequest(room="chat-1", **self.about())
            gateway.run(gateway.rooms.presence(self.chance.choice(inside), said, gateway.now))
        elif what < 0.6:
            for one in self.gateways.values():
                one.now += self.chance.choice((0.1, 1.0, 6.0))
                one.run(one.rooms.tick(one.now))
            for name in self.gateways:
                self.spread(name)
        elif what < 0.63:
            self.refill(node)
        else:
            self.hear(node)
        self.spread(node)

    def about(self) -> dict[str, Any]:
        about: dict[str, Any] = {}
        if self.chance.random() < 0.5:
            about["status"] = self.chance.choice(("online", "away"))
        if self.chance.random() < 0.5:
            about["info"] = {"n": self.chance.randrange(100)}
        return about

    def refill(self, node: str) -> None:
        """The gateway lost its connection: it hears everything again, as it is now."""
        self.spread(node)
        self.heard[node] = len(self.log)
        now: dict[tuple[str, str], PresenceEntry] = {}
        for owner, user, said in self.log:
            now.pop((owner, user), None)
            if said is not None and owner != node:
                now[owner, user] = said
        self.gateways[node].members(*(RemoteMember(owner, user, said) for (owner, user), said in now.items()))

    def judge(self) -> None:
        queue = deque(self.gateways)
        while any(at < len(self.log) for at in self.heard.values()):
            self.hear(queue[0])
            queue.rotate()
        for gateway in self.gateways.values():
            gateway.now += 30.0
            gateway.run(gateway.rooms.tick(gateway.now))
        for node in self.gateways:
            self.spread(node)
        while any(at < len(self.log) for at in self.heard.values()):
            self.hear(queue[0])
            queue.rotate()
        for gateway in self.gateways.values():
            gateway.now += 30.0
            gateway.run(gateway.rooms.tick(gateway.now))
        expected: dict[str, int] = {}
        for inside in self.inside.values():
            for session in inside:
                expected[session.user.id] = expected.get(session.user.id, 0) + 1
        members = [gateway.rooms._rooms["chat-1"].presence.members() for gateway in self.gateways.values()]
        ordered = [sorted((as_read(member) for member in one), key=lambda member: member.id) for one in members]
        assert ordered[0] == ordered[1] == ordered[2], "every gateway shows the same"
        assert {member.id: member.connections for member in ordered[0]} == expected
        for gateway in self.gateways.values():
            for shown in gateway.shown.values():
                assert sorted(shown.values(), key=lambda member: member.id) == ordered[0], "and so does every client"


def test_every_gateway_and_client_comes_to_show_who_is_there() -> None:
    for seed in range(60):
        cluster = Cluster(seed)
        for _ in range(120):
            cluster.step()
        cluster.judge()
