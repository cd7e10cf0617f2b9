"""The quick way of frequent requests makes the requests that the whole way makes, and refuses nothing."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest

from tests.contract.awkward import payloads
from tests.support.gateway import sample
from tidegate.contract import hazards
from tidegate.contract.contract import Contract
from tidegate.core.errors import Refused

PAYLOADS = 2800


@pytest.fixture(scope="module")
def contract() -> Contract:
    return sample()


def outcome(call: Any, payload: bytes) -> tuple[Any, ...]:
    try:
        request = call(payload)
    except Refused as refused:
        return refused.code, refused.message, refused.pointer, refused.keyword, refused.errors, refused.ref
    return type(request).__name__, repr(request), msgspec.json.encode(request)


def test_the_quick_way_and_the_whole_way_agree(contract: Contract) -> None:
    seen = Counter[str]()
    for payload in payloads(PAYLOADS):
        whole = outcome(lambda text: contract.accept(hazards.read(text)), payload)
        assert outcome(contract.decode, payload) == whole, payload
        seen[whole[0]] += 1
    assert seen["PingRequest"] >= 10
    assert seen["MessageRequest"] >= 50
    assert seen["CreateRequest"] >= 20
    for name in ("SubscribeRequest", "UnsubscribeRequest", "ListRequest"):
        assert seen[name] >= 20, name
    assert sum(seen[code] for code in ("invalid_json", "invalid_message", "invalid_data")) > PAYLOADS // 3


def test_most_of_the_frequent_requests_go_the_quick_way(contract: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    def whole(self: Contract, message: dict[str, Any]) -> Any:
        raise AssertionError(f"the whole way: {message}")

    monkeypatch.setattr(Contract, "accept", whole)
    for text in (
        '{"type":"ping"}',
        '{"type":"ping","ref":"r"}',
        '{"type":"message","room":"chat-1","data":{"text":"hello"}}',
        '{"type":"message","room":"chat-1","data":{"text":"at 1732752000123456"},"key":"k","ref":1}',
        '{"type":"message","room":"anything","data":{"at":1732752000123456,"share":0.12345678901234567}}',
        '{"type":"create","resource":"users","data":{"name":"n","email":"n@example.com"},"key":"k","ref":1}',
        '{"type":"create","resource":"tasks","data":[{"title":"t","due_at":"2026-01-31T13:00:00+01:00","user_id":1}]}',
        '{"type":"subscribe","resource":"users","filters":{"name":"n"},"fields":["name"],"snapshot":true,"ref":1}',
        '{"type":"subscribe","resource":"tasks","filters":{"due_at":{"gt":"2026-01-31T13:00:00+01:00"},"id":1.0}}',
        '{"type":"subscribe","resource":"users","since":{"epoch":"e","seq":1.0},"scope":"s","ref":1.0}',
        '{"type":"unsubscribe","resource":"tasks","filters":{"priority":2.0},"ref":2}',
        '{"type":"unsubscribe","subscription":"s1"}',
        '{"type":"list","resource":"tasks","filters":{"title":"t"},"sort":[{"field":"id"}],"limit":1.0}',
    ):
        contract.decode(text.encode())


@pytest.mark.parametrize(
    ("text", "suspicious"),
    [
        ('{"n":9007199254740991}', False),
        ('{"n":-9007199254740991}', False),
        ('{"n":9007199254740992}', True),
        ('{"n":-9007199254740992}', True),
        ('{"n":10000000000000000}', True),
        ('{"n":0.1234567890123456789}', False),
        ('{"n":0.1234567890123456,"m":9007199254740993}', True),
        ('{"n":1234567890123456,"m":9007199254740993}', True),
        ('{"n":"\\u0000"}', True),
        ('{"n":' + "[" * 31 + "]" * 31 + "}", False),
        ('{"n":' + "[" * 32 + "]" * 32 + "}", True),
    ],
)
def test_payload_is_searched_only_where_a_hazard_is_likely(text: str, suspicious: bool) -> None:
    assert hazards.suspicious(text.encode()) is suspicious
