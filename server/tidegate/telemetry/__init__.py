"""Sends spans of requests to a collector of OpenTelemetry. It is the only part that knows OpenTelemetry.

collectors   what the setting `otel_endpoint` may be
queue        spans that wait, and the thread that sends them
otlp         spans as OpenTelemetry has them, over HTTP; needs the extra `tidegate[otel]`
opening      puts them together, where the settings ask for it
"""
