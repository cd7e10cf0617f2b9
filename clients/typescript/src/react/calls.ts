// Writes and messages that a component makes: whether one is under way, and what refused the last.
//
// Invariant: an error belongs to the component that made the call, and goes when it makes another.

import type { Client } from "../client.js";
import type { TidegateError } from "../errors.js";
import { type Resource, resource } from "../rows/resource.js";
import type { Asked, Registered, RepliesOf, RequestsOf, ResourceName } from "../types.js";
import { useAnyClient } from "./context.js";
import { useMemo, useState } from "./react.js";

interface Calls {
  /** A call is under way. */
  readonly pending: boolean;
  /** What the last call met; undefined once another begins. */
  readonly error: TidegateError | undefined;
  /** Forget the error and the reply. */
  readonly reset: () => void;
}

export interface Mutation<N extends ResourceName<Registered>>
  extends Calls,
    Pick<Resource<Registered, N>, "create" | "update" | "delete"> {}

type RequestType = keyof RequestsOf<Registered> & keyof RepliesOf<Registered>;

export interface Request<T extends RequestType> extends Calls {
  /** Send the message with these properties, and wait for its reply. */
  readonly call: (...fields: FieldsOf<Asked<RequestsOf<Registered>[T]>>) => Promise<RepliesOf<Registered>[T]>;
  /** The reply to the last call. */
  readonly reply: RepliesOf<Registered>[T] | undefined;
}

/** The properties may be left out where none has to be there. */
type FieldsOf<M> = object extends M ? [fields?: M] : [fields: M];

const IDLE = { pending: 0, error: undefined as TidegateError | undefined, reply: undefined as unknown };

/** The functions `names` of what `make` gives, each followed from its call to its reply. */
function useCalls<T extends string>(
  make: (client: Client, of: never) => Record<T, (...values: never[]) => Promise<unknown>>,
  of: string,
  names: readonly T[],
) {
  const client = useAnyClient();
  const [state, set] = useState(IDLE);
  const calls = useMemo(() => {
    const target = make(client, of as never);
    /** Of `part`, `pending` does not count. */
    const count = (by: number, part: object) => set((state) => ({ ...state, ...part, pending: state.pending + by }));
    const follow = (name: T) => {
      return (...values: never[]) => {
        const called = target[name](...values);
        count(1, { error: undefined });
        // Followed here, so that a component does not have to catch what it shows.
        called.then(
          (reply) => count(-1, { reply }),
          (error) => count(-1, { error }),
        );
        return called;
      };
    };
    const reset = () => count(0, IDLE);
    return { ...Object.fromEntries(names.map((name) => [name, follow(name)])), reset };
  }, [client, make, of, names]);
  return useMemo(() => ({ ...state, ...calls, pending: state.pending > 0 }), [state, calls]);
}

const WRITES = ["create", "update", "delete"] as const;
const CALL = ["call"] as const;
const request = (client: Client, type: string) => ({
  call: (fields?: object) => client.request({ ...fields, type } as never),
});

/** Write rows of a resource. */
export function useMutation<N extends ResourceName<Registered>>(of: N): Mutation<N> {
  return useCalls(resource as never, of, WRITES) as never;
}

/** Send messages of a type, those of the application too, and wait for their replies. */
export function useRequest<T extends RequestType>(type: T): Request<T> {
  return useCalls(request, type, CALL) as never;
}
