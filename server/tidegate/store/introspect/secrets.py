"""Tells by names which columns hold secrets: a password, a live session, a card's number.

This is the one list of words for it. It knows no database. A name is read as words (`apiKey`, `api_key` and `API-KEYS`
are the same), and some words are found inside a longer one (`userpassword`). A needless `writeOnly` costs a user one
line of a schema file; a secret that clients can read costs more. So the list is broad, and the command names each
column that it finds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

WITHIN = re.compile(
    r"passw(or)?d|passphrase|passcode|pwd|passwort|kennwort|contrasena|wachtwoord|motdepasse|mot_de_passe"
    r"|secret|token|credential|cookie|(?<!ob)(?<!pos)session|totp|mnemonic|encrypted|hmac|hash(?!tag)"
    r"|(api|private|secret|access|auth|session|signing|encryption|master|ssh|pgp|gpg|license|licence)_?key"
    r"|(recovery|backup|reset|activation|verification|confirmation|security|access|auth|invite|login)_?(code|stamp)"
    r"|security_?(answer|question)|connection_?string|magic_?link|social_?security|credit_?card"
    r"|(card|account|passport|iban|tax|national_?id)_?(number|no|nr)(_|$)|(national|tax)_?id(_|$)|^auth$"
)
"""Found anywhere in a name in lower case whose words `_` joins."""
WORDS = frozenset({
    "akey", "authorization", "bearer", "bip39", "csrf", "cvc", "cvv", "cvv2", "creds", "dsn", "hotp", "iban",
    "jwt", "keyfile", "keystore", "mfa", "nonce", "otp", "pan", "pass", "passport", "pem", "pin", "pincode", "pw",
    "salt", "seed", "senha", "sess", "sid", "ssn", "sso", "ssid", "tan", "twofactor", "xsrf",
})  # fmt: skip
"""Found as a word, or as the plural of one."""
NUMBERS = frozenset({
    "cvc", "cvv", "cvv2", "otp", "pan", "pin", "pincode", "ssn", "tan",
})  # fmt: skip
"""The secrets that are kept as integers, too."""
TABLES = re.compile(
    r"session|token|secret|credential|cookie|passw(or)?d|twofactor|two_factor|(^|_)(2fa|mfa|otp|totp|webauthn)s?(_|$)"
    r"|(api|private|access|signing|encryption|session)_?keys?|(recovery|backup|reset|verification)_?codes?|vault"
)
"""Found in the name of a table whose columns with a general name hold secrets."""
GENERAL = frozenset({
    "blob", "body", "code", "content", "data", "digest", "id", "key", "payload", "raw", "sess", "sid", "text",
    "value",
})  # fmt: skip
"""The general names of columns that hold the secret itself in such a table. An `id` counts where it is the key."""


def is_secret(name: str, table: str = "", schema: Mapping[str, Any] | None = None, *, key: bool = False) -> bool:
    """Whether the names tell that clients must never read the column. `key`: it is in the key of the table.

    `schema`: the property for its values; a date, a flag or a count is no secret whatever its name.
    """
    if schema is not None and not _can_hold_secret(name, schema):
        return False
    if WITHIN.search(_joined(name)) or not WORDS.isdisjoint(_words(name)):
        return True
    general = GENERAL if key else GENERAL - {"id"}
    return _joined(name) in general and TABLES.search(_joined(table)) is not None


def _can_hold_secret(name: str, schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    if "enum" in schema or schema.get("format") in {"date", "date-time"}:
        return False
    if kind in ("integer", "number") or schema.get("format") == "int64":  # a list of types has no hash
        return not NUMBERS.isdisjoint(_words(name))
    return kind != "boolean"


def _joined(name: str) -> str:
    """The words of a name in lower case, joined by `_`: `apiKey`, `APIKey` and `api-key` are `api_key`."""
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"[\W_]+", "_", parts).strip("_").lower()


def _words(name: str) -> set[str]:
    words = _joined(name).split("_")
    return {*words, *(word.removesuffix("s") for word in words), *(word.removesuffix("es") for word in words)}
