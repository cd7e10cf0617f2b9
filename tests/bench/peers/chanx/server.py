"""chanx on Starlette and uvicorn: typed messages that pydantic checks, and groups of its channel layer in memory."""

import socket
from typing import Literal

import uvicorn
from chanx.core.decorators import channel, ws_handler
from chanx.fast_channels.websocket import AsyncJsonWebsocketConsumer
from chanx.messages.base import BaseMessage
from chanx.messages.incoming import PingMessage
from chanx.messages.outgoing import PongMessage
from fast_channels.layers import InMemoryChannelLayer, register_channel_layer
from pydantic import BaseModel, Field
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute


class Place(BaseModel):
    room: str


class Said(Place):
    text: str = Field(min_length=1, max_length=2000)


class Join(BaseMessage):
    action: Literal["join"] = "join"
    payload: Place


class Joined(BaseMessage):
    action: Literal["joined"] = "joined"
    payload: Place


class Message(BaseMessage):
    action: Literal["message"] = "message"
    payload: Said


@channel(name="bench")
class Bench(AsyncJsonWebsocketConsumer):
    channel_layer_alias = "default"

    @ws_handler
    async def handle_ping(self, message: PingMessage) -> PongMessage:
        return PongMessage()

    @ws_handler
    async def handle_join(self, message: Join) -> Joined:
        await self.join_group(message.payload.room)
        return Joined(payload=message.payload)

    @ws_handler(output_type=Message)
    async def handle_message(self, message: Message) -> None:
        await self.broadcast_message(message, groups=[message.payload.room])


# With the usual capacity of 100 the layer drops messages of a busy room.
register_channel_layer("default", InMemoryChannelLayer(capacity=100_000))
app = Starlette(routes=[WebSocketRoute("/ws/bench", Bench.as_asgi())])

if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    print(f"serving on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(app, log_level="error", ws_ping_interval=None, ws_per_message_deflate=False)
    uvicorn.Server(config).run(sockets=[listener])
