import { useEffect } from "react";
import { useWebSocket } from "./hooks/useWebSocket";

export function UsersList({ url }: { url: string }) {
  const { data, subscribe, send } = useWebSocket(url);

  useEffect(() => {
    subscribe("users", { status: "active" });
  }, []);

  return data.map(user => <div key={user.id}>{user.name}</div>);
}
