"""Keys of login servers, made once for all tests, and a local server that publishes some of them as a JWK Set."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

ALGORITHMS = ("RS256", "ES256", "EdDSA")


def private(algorithm: str, number: int = 1) -> Any:
    """The private key with this number; the same for all tests of a run."""
    return _private(algorithm, number)


@cache
def _private(algorithm: str, number: int) -> Any:
    if algorithm == "RS256":
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else ed25519.Ed25519PrivateKey.generate()


def public_pem(algorithm: str, number: int = 1) -> str:
    key = private(algorithm, number).public_key()
    return str(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def private_pem(algorithm: str) -> str:
    return str(private(algorithm).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def signed(claims: dict[str, Any], algorithm: str = "RS256", number: int = 1, kid: str | None = None) -> str:
    """A token that ends in ten minutes where `claims` do not say it."""
    now = int(time.time())
    headers = None if kid is None else {"kid": kid}
    return jwt.encode({"iat": now, "exp": now + 600, **claims}, private(algorithm, number), algorithm, headers=headers)


def jwk(kid: str | None, algorithm: str = "RS256", number: int = 1, **members: Any) -> dict[str, Any]:
    """A key as login servers publish it."""
    kinds: dict[str, Any] = {
        "RS256": jwt.algorithms.RSAAlgorithm,
        "ES256": jwt.algorithms.ECAlgorithm,
        "EdDSA": jwt.algorithms.OKPAlgorithm,
    }
    found: dict[str, Any] = json.loads(kinds[algorithm].to_jwk(private(algorithm, number).public_key()))
    found.pop("key_ops", None)
    named = {} if kid is None else {"kid": kid}
    return {**found, **named, "alg": algorithm, "use": "sig", **members}


def symmetric(kid: str) -> dict[str, Any]:
    """A secret in a set, which no login server should publish."""
    return {"kty": "oct", "kid": kid, "alg": "HS256", "k": base64.urlsafe_b64encode(b"k" * 32).decode().rstrip("=")}


class KeyServer:
    """`keys` are what it publishes now; with `status` it fails instead. `asked` counts."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = []
        self.status = 200
        self.asked = 0
        self.url = ""


@contextlib.contextmanager
def key_server() -> Iterator[KeyServer]:
    state = KeyServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked += 1
            body = json.dumps({"keys": state.keys}).encode()
            self.send_response(state.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}/.well-known/jwks.json"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
