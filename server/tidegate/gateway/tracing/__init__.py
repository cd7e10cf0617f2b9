"""Spans of requests, where the setting `otel_endpoint` asks for them.

spans     what a span holds, which requests have one, and when it ends
parents   the span of the client: the header `traceparent`
traced    the handler of connections, the work under way and the API over HTTP, with spans

Where no spans are wanted, nothing of this package runs for a request.
"""
