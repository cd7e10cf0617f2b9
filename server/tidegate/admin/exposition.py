"""The text format of metrics that Prometheus and OpenTelemetry collectors read.

The source is the Prometheus exposition format, version 0.0.4.
Invariant: samples of one family stand together, behind its HELP and TYPE.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from tidegate.core.histogram import Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Kind = Literal["counter", "gauge", "histogram"]
Labels = tuple[tuple[str, str], ...]


class Sample(NamedTuple):
    """One number. `suffix` follows the name of the family."""

    value: float
    labels: Labels = ()
    suffix: str = ""


class Family(NamedTuple):
    """All samples of one name."""

    name: str
    kind: Kind
    help: str
    samples: list[Sample]


def of_value(name: str, kind: Kind, about: str, value: float) -> Family:
    return Family(name, kind, about, [Sample(float(value))])


def of_labels(name: str, kind: Kind, about: str, label: str, values: Mapping[str, float]) -> Family:
    return Family(name, kind, about, [Sample(value, ((label, str(key)),)) for key, value in sorted(values.items())])


def of_histogram(name: str, about: str, histogram: Histogram) -> Family:
    """Durations in seconds."""
    samples, count = [], 0
    for bound, here in zip((*map(str, histogram.bounds), "+Inf"), histogram.buckets, strict=True):
        count += here
        samples.append(Sample(count, (("le", bound),), "_bucket"))
    samples += [Sample(histogram.sum, (), "_sum"), Sample(count, (), "_count")]
    return Family(name, "histogram", about, samples)


def text(families: Iterable[Family]) -> str:
    """The page."""
    lines = []
    for name, kind, about, samples in families:
        lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
        lines += [f"{name}{suffix}{_labels(labels)} {_number(value)}" for value, labels, suffix in samples]
    return "\n".join(lines) + "\n"


def with_label(families: Iterable[Family], label: str, value: str) -> list[Family]:
    """The same samples with one more label."""
    return [
        family._replace(samples=[each._replace(labels=((label, value), *each.labels)) for each in family.samples])
        for family in families
    ]


def merged(parts: Iterable[Iterable[Family]]) -> list[Family]:
    """The families of several processes, each with the samples of all."""
    found: dict[str, Family] = {}
    for families in parts:
        for family in families:
            known = found.get(family.name)
            found[family.name] = family if known is None else known._replace(samples=known.samples + family.samples)
    return list(found.values())


def _labels(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}" if labels else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
