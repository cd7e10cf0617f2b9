"""The keys that tokens are checked with, each with the one algorithm that it is for.

A key is a secret (HS256), or the public key of a pair (RS256, ES256, EdDSA). The kind of a key decides its algorithm;
the header of a token only chooses among the keys that have it.
Invariant: no key is ever used with another algorithm, so that a public key is never taken for a secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from tidegate.core.errors import TidegateError

Algorithm = Literal["HS256", "RS256", "ES256", "EdDSA"]
SHORTEST_SECRET = 32
"""Characters of a secret, at least (RFC 7518, section 3.2)."""
SHORTEST_RSA = 2048
"""Bits of an RSA key, at least (RFC 7518, section 3.3)."""
NEEDED = "public keys need the package cryptography; type: pip install 'tidegate[jwks]'"


class KeyProblem(TidegateError):
    """A key cannot be used; the text says which, and why."""


class Key(msgspec.Struct, frozen=True):
    algorithm: Algorithm
    material: Any
    """A secret as bytes, or a public key of `cryptography`."""
    id: str | None = None
    """The `kid` with which tokens may name it: of a file, its name without the ending."""


class Keys(Protocol):
    """Where the keys are."""

    def of(self, algorithm: str, key_id: str | None) -> Sequence[Key]:
        """The keys that may have signed such a token; none where there is no such key.

        Raises Refused(unavailable) where they are not known at the moment.
        """


class FixedKeys:
    """Keys of the settings: they change with a restart."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = tuple(keys)

    def of(self, algorithm: str, key_id: str | None) -> Sequence[Key]:
        return [key for key in self._keys if key.algorithm == algorithm]


class BothKeys:
    """Keys of the settings beside published ones. A token that names a key means a published one, except where it names
    a file of the settings.
    """

    def __init__(self, fixed: Keys, published: Keys) -> None:
        self._fixed = fixed
        self._published = published

    def of(self, algorithm: str, key_id: str | None) -> Sequence[Key]:
        own = self._fixed.of(algorithm, key_id)
        if algorithm == "HS256":
            return own
        named = [key for key in own if key_id is None or key.id == key_id]
        return named or self._published.of(algorithm, key_id)


def secret(text: str) -> Key:
    """Raises KeyProblem for one that is too short."""
    if len(text) < SHORTEST_SECRET:
        raise KeyProblem(f"must have at least {SHORTEST_SECRET} characters; `openssl rand -hex 32` makes one")
    return Key("HS256", text.encode())


def secrets_of(path: str) -> list[str]:
    """The secrets in a file, one in a line. Raises KeyProblem."""
    lines = [line.strip() for line in _read(path).splitlines()]
    found = [line for line in lines if line]
    if not found:
        raise KeyProblem(f"{path} is empty; it has one secret in each line, and the first one signs")
    for number, line in enumerate(lines, 1):
        if line:
            try:
                secret(line)
            except KeyProblem as problem:
                raise KeyProblem(f"{path}, line {number}: {problem}") from None
    return found


def check_package() -> None:
    """Raises KeyProblem where the package for public keys is not installed."""
    try:
        import cryptography  # noqa: F401, PLC0415  # optional
    except ModuleNotFoundError:
        raise KeyProblem(NEEDED) from None


def public_key(path: str) -> Key:
    """The key in a PEM file: a public key or a certificate. Raises KeyProblem."""
    text = _read(path).encode()
    if b"PRIVATE KEY" in text:
        raise KeyProblem(f"{path} holds a private key, which belongs to the signer alone; give the public one")
    check_package()
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415  # optional
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415  # optional

    try:
        if b"BEGIN CERTIFICATE" in text:
            material: Any = load_pem_x509_certificate(text).public_key()
        else:
            material = load_pem_public_key(text)
        return msgspec.structs.replace(_pinned(material), id=Path(path).stem)
    except KeyProblem as problem:
        raise KeyProblem(f"{path}: {problem}") from None
    except Exception:  # the library raises errors of many kinds
        raise KeyProblem(f"{path} is no public key in PEM, which begins with -----BEGIN PUBLIC KEY-----") from None


def of_set(document: Any) -> dict[str, Key]:
    """The usable keys of a JWK Set (RFC 7517) by their ids; others are passed over. Raises KeyProblem without any.

    A key without an id has the id "".
    """
    import jwt  # noqa: PLC0415  # only where there is a set

    listed = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(listed, list):
        raise KeyProblem("this is no JWK Set: it has no list `keys`")
    found: dict[str, Key] = {}
    for jwk in listed:
        if not isinstance(jwk, Mapping) or jwk.get("use", "sig") != "sig" or jwk.get("kty") not in {"RSA", "EC", "OKP"}:
            continue
        try:
            key = _pinned(jwt.PyJWK.from_dict(dict(jwk)).key)
        except (jwt.PyJWTError, KeyProblem, ValueError, TypeError):
            continue
        key_id = jwk.get("kid", "")
        if jwk.get("alg", key.algorithm) == key.algorithm and isinstance(key_id, str):
            found[key_id] = msgspec.structs.replace(key, id=key_id)
    if not found:
        raise KeyProblem("the JWK Set has no key that can be used (RS256, ES256 or EdDSA, for signatures)")
    return found


def _pinned(material: Any) -> Key:
    """A key with the algorithm that its kind decides. Raises KeyProblem."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: PLC0415  # optional

    if isinstance(material, rsa.RSAPublicKey):
        if material.key_size < SHORTEST_RSA:
            raise KeyProblem(f"an RSA key must have at least {SHORTEST_RSA} bits")
        return Key("RS256", material)
    if isinstance(material, ec.EllipticCurvePublicKey) and isinstance(material.curve, ec.SECP256R1):
        return Key("ES256", material)
    if isinstance(material, ed25519.Ed25519PublicKey):
        return Key("EdDSA", material)
    raise KeyProblem("only RSA keys (RS256), P-256 keys (ES256) and Ed25519 keys (EdDSA) can be used")


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise KeyProblem(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}") from None
