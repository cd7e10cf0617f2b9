// Which client the hooks of a component use: the one that the nearest provider names, or shares by its url.
//
// Invariant: a provider connects when it is mounted, never while it renders, so that a server can render it.

import type { ReactElement, ReactNode } from "react";
import { type Client, connect } from "../client.js";
import type { Options } from "../options.js";
import type { Registered } from "../types.js";
import { type ConnectionState, connectionStore } from "./connection.js";
import { Login } from "./login.js";
import { createContext, createElement, useContext, useEffect, useMemo, useState } from "./react.js";
import { storeOf, useStore } from "./store.js";

/** A client of the program; or the url and the options of one that lives as long as the provider. */
export type ProviderProps = { children?: ReactNode } & (
  | { client: object }
  | ({ client?: never; url: string } & Options)
);

const Provided = createContext<object | undefined>(undefined);

/** Give the hooks of the components below a client. */
export function TidegateProvider({ children, ...props }: ProviderProps): ReactElement {
  return props.client
    ? createElement(Provided, { value: props.client }, children)
    : createElement(Owner, props as OwnerProps, children);
}

type OwnerProps = { children?: ReactNode; url: string } & Options;

function Owner({ children, url, ...options }: OwnerProps): ReactElement {
  const [none] = useState(() => {
    const client = connect(url);
    client.close(); // nothing connects until the provider is mounted
    return client;
  });
  const [{ store, rendered }] = useState(ownLogin);
  const state = useStore(store);
  useEffect(() => rendered(state, url, options));
  return createElement(Provided, { value: state.client ?? none }, children);
}

/** The login of a provider, as a store of its client. */
function ownLogin() {
  const login: Login = new Login(() => store.set({ client: login.client }));
  const store = storeOf<{ client: Client | undefined }>({ client: undefined }, () => () => login.end());
  let seen = store.get();
  return {
    store,
    rendered(state: typeof seen, url: string, options: Options): void {
      login.rendered(state !== seen, url, options);
      seen = state;
    },
  };
}

/** The client that the nearest provider gives; one that is closed until a provider with a `url` is mounted. */
export function useClient(): Client<Registered> {
  return useAnyClient() as unknown as Client<Registered>;
}

export function useAnyClient(): Client {
  const client = useContext(Provided);
  if (!client) throw new Error("there is no <TidegateProvider> around this component");
  return client as Client;
}

/** The status of the connection, and the user that the gateway takes this client for. */
export function useConnection(): ConnectionState {
  const client = useAnyClient();
  return useStore(useMemo(() => connectionStore(client), [client]));
}
