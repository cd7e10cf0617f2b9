"""Keys: each checks tokens of its one algorithm, and what cannot be a key is refused with words."""

from __future__ import annotations

import datetime
import hmac
import json
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from tests.auth.signing import ALGORITHMS, jwk, private, private_pem, public_pem, signed, symmetric
from tidegate.auth.keys import BothKeys, FixedKeys, Key, KeyProblem, of_set, public_key, secrets_of
from tidegate.auth.user_tokens import UserTokens
from tidegate.core.identities import TokenRefused

SECRET = "a-secret-of-these-tests-that-is-long-enough"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """The public key of each algorithm, as a file."""
    found = {}
    for algorithm in ALGORITHMS:
        path = tmp_path / f"{algorithm}.pem"
        path.write_text(public_pem(algorithm))
        found[algorithm] = str(path)
    return found


def refused(tokens: UserTokens, token: str) -> str:
    with pytest.raises(TokenRefused) as found:
        tokens.check(token)
    return found.value.reason


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_kind_of_key_checks_tokens_of_its_algorithm_alone(files: dict[str, str], algorithm: str) -> None:
    tokens = UserTokens(FixedKeys([public_key(files[algorithm])]))
    assert tokens.check(signed({"sub": "7"}, algorithm)).user.id == "7"
    assert refused(tokens, signed({"sub": "7"}, algorithm, number=2)) == "signature"
    for other in {*ALGORITHMS} - {algorithm}:
        assert refused(tokens, signed({"sub": "7"}, other)) == "key"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_public_key_is_never_taken_for_a_secret(files: dict[str, str], algorithm: str) -> None:
    """The classical attack: a token of HS256 whose secret is the text of the public key."""
    tokens = UserTokens(FixedKeys([public_key(files[algorithm]), Key("HS256", SECRET.encode())]))
    parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": "admin", "exp": 4_000_000_000}]
    said = b".".join(urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    for secret in (public_pem(algorithm), public_pem(algorithm).strip()):
        signature = urlsafe_b64encode(hmac.digest(secret.encode(), said, "sha256")).rstrip(b"=")
        assert refused(tokens, (said + b"." + signature).decode()) == "signature"


def test_all_keys_of_an_algorithm_count_while_they_rotate(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"{number}.pem").write_text(public_pem("ES256", number))
    old, new = (public_key(str(tmp_path / f"{number}.pem")) for number in (1, 2))
    tokens = UserTokens(FixedKeys([old, new]))
    for number in (1, 2):
        assert tokens.check(signed({"sub": "7"}, "ES256", number)).user.id == "7"
    assert refused(UserTokens(FixedKeys([new])), signed({"sub": "7"}, "ES256", 1)) == "signature"


def test_secrets_of_a_file_check_tokens_and_the_first_one_signs(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text(f"\n  {SECRET}-new \n{SECRET}-old\n\n")
    assert secrets_of(str(file)) == [f"{SECRET}-new", f"{SECRET}-old"]
    tokens = UserTokens(FixedKeys(Key("HS256", secret.encode()) for secret in secrets_of(str(file))))
    for secret in (f"{SECRET}-new", f"{SECRET}-old"):
        assert tokens.check(jwt.encode({"sub": "7", "exp": _soon()}, secret, "HS256")).user.id == "7"
    assert refused(tokens, jwt.encode({"sub": "7", "exp": _soon()}, SECRET, "HS256")) == "signature"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("", "empty"), (" \n\n", "empty"), (f"{SECRET}\nshort", "line 2: must have at least 32")],
)
def test_file_of_secrets_that_cannot_be_used_says_why(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "secrets").write_text(text)
    with pytest.raises(KeyProblem, match=complaint):
        secrets_of(str(tmp_path / "secrets"))


def test_certificate_is_a_public_key_too(tmp_path: Path) -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "login")])
    begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    made = x509.CertificateBuilder(name, name, private("RS256").public_key(), 1, begin, begin.replace(year=2030))
    file = tmp_path / "login.pem"
    file.write_bytes(made.sign(private("RS256"), hashes.SHA256()).public_bytes(Encoding.PEM))
    assert UserTokens(FixedKeys([public_key(str(file))])).check(signed({"sub": "7"})).user.id == "7"


def _pem(material: Any) -> str:
    text: bytes = material.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return text.decode()


def test_file_that_is_no_usable_key_says_why(tmp_path: Path) -> None:
    wrong = {
        "private key": private_pem("ES256"),
        "no public key in PEM": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "at least 2048 bits": _pem(rsa.generate_private_key(65537, 1024)),
        "only RSA keys": _pem(ec.generate_private_key(ec.SECP384R1())),
    }
    for complaint, text in wrong.items():
        (tmp_path / "key.pem").write_text(text)
        with pytest.raises(KeyProblem, match=complaint):
            public_key(str(tmp_path / "key.pem"))
    with pytest.raises(KeyProblem, match="cannot be read: No such file"):
        public_key(str(tmp_path / "missing.pem"))


def test_set_has_the_usable_keys_and_passes_over_the_others() -> None:
    found = of_set({
        "keys": [
            jwk("rsa"), jwk("ec", "ES256"), jwk("ed", "EdDSA"), jwk("no-alg", number=2, alg="RS256"),
            jwk("for-encryption", use="enc"), jwk("another-algorithm", alg="PS256"), symmetric("a-secret"),
            {"kty": "RSA", "kid": "broken", "n": "AQAB"}, {"kty": "EC", "kid": "curve", "crv": "P-384"}, "text", None,
        ]
    })  # fmt: skip
    assert {name: key.algorithm for name, key in found.items()} == {
        "rsa": "RS256", "ec": "ES256", "ed": "EdDSA", "no-alg": "RS256",
    }  # fmt: skip


def test_key_of_a_set_without_an_algorithm_gets_that_of_its_kind() -> None:
    key = jwk("k", "ES256")
    del key["alg"]
    assert of_set({"keys": [key]})["k"].algorithm == "ES256"


@pytest.mark.parametrize("document", [None, [], {}, {"keys": {}}, {"keys": []}, {"keys": [symmetric("k")]}])
def test_set_without_a_usable_key_is_refused(document: Any) -> None:
    with pytest.raises(KeyProblem):
        of_set(document)


def test_token_that_names_a_key_means_a_published_one_except_where_it_names_a_file(tmp_path: Path) -> None:
    (tmp_path / "service.pem").write_text(public_pem("RS256", 2))
    own = FixedKeys([public_key(str(tmp_path / "service.pem"))])
    tokens = UserTokens(BothKeys(own, _Published(of_set({"keys": [jwk("login")]}))))
    assert tokens.check(signed({"sub": "7"}, kid="login")).user.id == "7"
    for kid in (None, "service"):
        assert tokens.check(signed({"sub": "8"}, number=2, kid=kid)).user.id == "8"
    assert refused(tokens, signed({"sub": "8"}, number=2, kid="login")) == "signature"
    assert refused(tokens, signed({"sub": "8"}, number=2, kid="other")) == "key"


class _Published:
    def __init__(self, keys: dict[str, Key]) -> None:
        self._keys = keys

    def of(self, algorithm: str, key_id: str | None) -> list[Key]:
        found = self._keys.get(key_id or "")
        return [] if found is None else [found]


def _soon() -> int:
    return int(datetime.datetime.now(datetime.UTC).timestamp()) + 600
