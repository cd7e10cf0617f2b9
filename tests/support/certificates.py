"""Certificates for tests of TLS: one that signs, and those that it signed for a server or a client of this machine."""

from __future__ import annotations

import datetime
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


class Authority:
    """It signs. `file`: its certificate in PEM, which others trust."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("authority")
        self.file = folder / "authority.pem"
        own = self._signed(self._name, self._key, datetime.datetime.now(datetime.UTC) + 100 * DAY, authority=True)
        self.file.write_bytes(own.public_bytes(Encoding.PEM))

    def sign(self, name: str, ends: datetime.datetime | None = None, *, stem: str | None = None) -> tuple[Path, Path]:
        """A certificate for localhost and 127.0.0.1, whose common name is `name`, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        signed = self._signed(_name(name), key, ends or datetime.datetime.now(datetime.UTC) + 90 * DAY)
        cert, secret = (self._folder / f"{stem or name}.{kind}" for kind in ("pem", "key"))
        cert.write_bytes(signed.public_bytes(Encoding.PEM))
        secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return cert, secret

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, ends: datetime.datetime, *, authority: bool = False
    ) -> x509.Certificate:
        names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(datetime.datetime.now(datetime.UTC), ends) - DAY)
            .not_valid_after(ends)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            # From 3.13 on, Python refuses certificates without these three, as RFC 5280 demands.
            .add_extension(_usage(authority=authority), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
