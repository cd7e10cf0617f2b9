"""The settings of spans, and that nothing of OpenTelemetry is imported without them."""

from __future__ import annotations

import argparse
import subprocess
import sys

import pytest

from tests.support.gateway import sample
from tidegate import config
from tidegate.telemetry import collectors, opening


@pytest.mark.parametrize(
    ("endpoint", "why"),
    [
        ("collector:4318", "must be http://host:4318"),
        ("ftp://collector", "must be http://host:4318"),
        ("http://", "must be http://host:4318"),
        ("http://user:secret@collector:4318", "must hold no password"),
        ("http://collector:4318/?a=b", "without"),
    ],
)
def test_what_is_no_collector_is_refused(endpoint: str, why: str) -> None:
    with pytest.raises(config.ConfigError, match=f"otel_endpoint: .*{why}") as refused:
        config.load(argparse.Namespace(), {"TIDEGATE_OTEL_ENDPOINT": endpoint})
    assert "secret@" not in str(refused.value)


def test_a_missing_extra_is_refused_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collectors, "PACKAGE", "opentelemetry_that_is_not_there.exporter")
    with pytest.raises(config.ConfigError, match=r"otel_endpoint: .*`pip install 'tidegate\[otel\]'`"):
        config.load(argparse.Namespace(), {"TIDEGATE_OTEL_ENDPOINT": "http://127.0.0.1:4318"})


def test_the_path_for_spans_is_added_where_there_is_none() -> None:
    assert collectors.url_of("http://a:4318") == collectors.url_of("http://a:4318/") == "http://a:4318/v1/traces"
    assert collectors.url_of("https://a/otlp/spans") == "https://a/otlp/spans"


@pytest.mark.process
def test_a_gateway_without_spans_imports_nothing_of_opentelemetry() -> None:
    code = "import sys, tidegate.app, tidegate.cli.serve; print([name for name in sys.modules if 'opentele' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_otel_sdk_disabled_switches_spans_off(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "http://127.0.0.1:9"
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert opening.opened(url, 1.0, sample()) is None
    assert opening.opened(None, 1.0, sample()) is None
    monkeypatch.setenv("OTEL_SDK_DISABLED", "false")
    spans = opening.opened(url, 1.0, sample())
    assert spans is not None
    spans.export.close()
