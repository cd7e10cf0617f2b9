"""Names in the server: two different things never have the same name, whatever characters are in them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.engines.redis.keys import META, PRESENCE, STREAM, Keys, field, read_field

TEXT = st.text(max_size=6) | st.text("ab :{}mspci0", max_size=8)
THINGS = st.one_of(
    st.tuples(st.just("key"), TEXT, TEXT, TEXT),
    st.tuples(st.just("part"), TEXT, st.sampled_from([META, STREAM, PRESENCE])),
    st.tuples(st.just("channel"), TEXT),
    st.tuples(st.sampled_from(["rooms", "told"]), st.text("0123456789abcdef", min_size=1, max_size=8)),
    st.tuples(st.sampled_from(["nodes", "application", "everyone", "users"])),
)


def name(thing: tuple[object, ...], database: int) -> bytes:
    keys = Keys("p", database)
    match thing:
        case ("key", str(room), str(user), str(key)):
            return keys.idempotency(room, user, key)
        case ("part", str(room), bytes(part)):
            return keys.of_room(room, part)
        case ("channel", str(room)):
            return keys.channel(room)
        case ("rooms", str(node)):
            return keys.rooms_of(node)
        case ("told", str(node)):
            return keys.told(node)
    named: bytes = getattr(keys, str(thing[0]))
    return named


@settings(max_examples=100, deadline=None)
@given(THINGS, THINGS, st.sampled_from([0, 3]))
def test_different_things_have_different_names(
    one: tuple[object, ...], other: tuple[object, ...], database: int
) -> None:
    assert (name(one, database) == name(other, database)) == (one == other)
    assert name(one, database).startswith(b"p:")


@given(st.text("0123456789abcdef", min_size=1), TEXT)
def test_a_field_is_read_as_it_was_written(node: str, user: str) -> None:
    assert read_field(field(node, user)) == (node, user)
