"""Makes documents of the contract: AsyncAPI, OpenAPI, and a page for people.

Each function takes a bundle, whole or `published`, and returns a document. `codegen` writes the documents to files and
the gateway serves them, without importing each other.
https://www.asyncapi.com/docs/reference/specification/v3.0.0, https://spec.openapis.org/oas/v3.1.1
Invariant: the same bundle gives the same documents on any machine.
"""

from __future__ import annotations

from tidegate.documents.asyncapi import asyncapi
from tidegate.documents.console import console
from tidegate.documents.openapi import openapi
from tidegate.documents.page import protocol_page
from tidegate.documents.published import published

__all__ = ["asyncapi", "console", "openapi", "protocol_page", "published"]
