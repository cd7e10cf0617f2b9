"""Names of columns that hold secrets, as people spell them, and names that only look like it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.cases import every_case
from tests.support.sqlite import foreign
from tidegate.store import introspect
from tidegate.store.introspect.secrets import is_secret

SECRETS = (
    "password", "passwd", "Password", "userpassword", "passwordHash", "password_digest", "encrypted_password",
    "pwd", "pass", "passphrase", "passcode", "pw", "Passwort", "senha", "mot_de_passe", "secret", "client_secret",
    "clientSecret", "SECRET_KEY", "shared-secret", "secrets", "totp_secret", "token", "tokens", "access_token",
    "accessToken", "refreshtoken", "push_token", "csrfmiddlewaretoken", "csrf", "jwt", "bearer", "api_key",
    "apiKey", "APIKey", "apikey", "api_keys", "private_key", "privateKey", "ssh_key", "signing_key",
    "encryption_key", "access_key", "akey", "session", "session_id", "sessionId", "session_key", "session_data",
    "sessionid", "sess", "sid", "cookie", "cookies", "auth_cookie", "hash", "file_hash", "passhash", "hashes",
    "salt", "salts", "password_salt", "otp", "otp_code", "totp", "hotp", "mfa", "seed", "wallet_seed", "mnemonic",
    "recovery_code", "recovery_codes", "recoveryCode", "totp_recover_token", "backup_codes", "activation_code",
    "security_stamp", "security_answer", "pin", "user_pin", "pins", "cvv", "cvc", "card_number", "cardNumber",
    "credit_card", "ssn", "iban", "IBAN", "passport_no", "tax_id", "credential", "credentials", "credential_id",
    "aws_creds", "connection_string", "dsn", "nonce", "auth", "authorization", "hmac",
)  # fmt: skip
NO_SECRETS = (
    "id", "name", "email", "title", "body", "author", "authored_at", "shipping", "pinned", "spin", "opinion",
    "opinions", "compass", "passenger", "hashtag", "hashtags", "salted_caramel_flavour", "seedling", "obsession",
    "possession", "public_key", "keyboard", "monkey", "key", "value", "data", "code", "country_code",
    "postal_code", "zip_code", "sort_key", "primary_contact", "saltwater", "tangent", "state", "description",
    "notes", "basin", "expired", "planet", "span", "company", "licence", "card_holder", "user_id", "position",
)  # fmt: skip


def test_names_of_secrets_in_every_spelling() -> None:
    with every_case() as case:
        for name in SECRETS:
            with case(name):
                assert is_secret(name)
        for name in NO_SECRETS:
            with case(name):
                assert not is_secret(name)


@pytest.mark.parametrize(
    ("table", "column", "key", "expected"),
    [
        ("twofactor", "data", False, True),
        ("TwoFactors", "data", False, True),
        ("django_session", "session_key", True, True),
        ("authtoken_token", "key", True, True),
        ("sessions", "id", True, True),
        ("sessions", "id", False, False),
        ("sessions", "payload", False, True),
        ("session", "sess", False, True),
        ("refresh_tokens", "value", False, True),
        ("ApiKeys", "key", False, True),
        ("recovery_codes", "code", False, True),
        ("sessions", "user_agent", False, False),
        ("settings", "value", False, False),
        ("countries", "code", True, False),
    ],
)
def test_a_table_with_a_secret_name_makes_general_names_secret(
    table: str, column: str, key: bool, expected: bool
) -> None:
    assert is_secret(column, table, {"type": "string"}, key=key) is expected


@pytest.mark.parametrize(
    ("column", "schema", "expected"),
    [
        ("password_changed", {"type": "string", "format": "date-time"}, False),
        ("token_count", {"type": "integer"}, False),
        ("session_id", {"type": "integer"}, False),
        ("has_password", {"type": "boolean"}, False),
        ("token_type", {"type": "string", "enum": ["bearer"]}, False),
        ("pin", {"type": "integer"}, True),
        ("ssn", {"type": "string", "format": "int64"}, True),
        ("session_id", {"type": "string", "format": "int64"}, False),
        ("tokens", {"type": ["object", "array"]}, True),
        ("session_token", {"type": "string", "format": "uuid"}, True),
    ],
)
def test_only_values_that_can_be_secrets_count(column: str, schema: dict[str, Any], expected: bool) -> None:
    assert is_secret(column, "things", schema) is expected


def test_a_secret_that_the_database_fills_in_is_never_readable(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    with foreign(path) as program:
        program.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, token TEXT NOT NULL DEFAULT (hex(randomblob(8))))")
    (file,), left = introspect.files(introspect.read(f"sqlite:///{path}").tables, {})
    token = file.schema["properties"]["token"]
    assert token["writeOnly"] is True
    assert "readOnly" not in token
    assert left == []


def test_a_table_whose_key_is_a_secret_gives_no_access_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    with foreign(path) as program:
        program.execute(
            "CREATE TABLE django_session (session_key varchar(40) PRIMARY KEY, session_data text NOT NULL, "
            "expire_date datetime NOT NULL)"
        )
        program.execute("CREATE TABLE songs (id INTEGER PRIMARY KEY)")
    access = {"read": "authenticated", "delete": "role:admin"}
    (session, songs), left = introspect.files(introspect.read(f"sqlite:///{path}").tables, access)
    assert session.schema["x-access"] == {}
    assert songs.schema["x-access"] == access
    assert session.schema["properties"]["session_data"]["writeOnly"] is True
    assert "writeOnly" not in session.schema["properties"]["session_key"]
    (note,) = left
    assert note.startswith("django_session.session_key is a key whose name says that it is a secret")
