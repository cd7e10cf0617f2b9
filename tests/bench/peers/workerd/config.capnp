# One Durable Object holds all rooms, as a small chat on workerd does.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = .bench)],
  sockets = [(name = "main", address = "127.0.0.1:0", http = (), service = "main")],
);

const bench :Workerd.Worker = (
  modules = [(name = "server.js", esModule = embed "server.js")],
  compatibilityDate = "2025-01-01",
  durableObjectNamespaces = [(className = "Rooms", uniqueKey = "bench")],
  durableObjectStorage = (inMemory = void),
  bindings = [(name = "rooms", durableObjectNamespace = "Rooms")],
);
