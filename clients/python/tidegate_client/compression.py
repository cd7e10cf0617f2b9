"""Compression of what the client sends, where the gateway agreed to it (RFC 7692).

A small message goes out as it is: compressed it is a fifth shorter, and costs client and gateway more than these
bytes are worth. Invariant: what the gateway compressed is inflated, whatever its size.
"""

from __future__ import annotations

from collections.abc import Sequence

from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.typing import ExtensionParameter

LEAST = 512
"""Bytes of a message that is compressed."""


class LargeMessages(PerMessageDeflate):
    """Leaves messages below LEAST bytes as they are, which RFC 7692 allows for each message."""

    def encode(self, frame: Frame) -> Frame:
        whole = frame.fin and frame.opcode is not Opcode.CONT
        return frame if whole and len(frame.data) < LEAST else super().encode(frame)


class OfferCompression(ClientPerMessageDeflateFactory):
    def process_response_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> PerMessageDeflate:
        agreed = super().process_response_params(params, accepted_extensions)
        return LargeMessages(
            agreed.remote_no_context_takeover,
            agreed.local_no_context_takeover,
            agreed.remote_max_window_bits,
            agreed.local_max_window_bits,
            agreed.compress_settings,
        )
