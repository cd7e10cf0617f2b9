// Listeners by event. Invariants: a listener that throws stops no other listener; one that was stopped hears nothing more.

type Listener = (value: never) => unknown;

export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<Listener>>();

  /** Listen; returns the function that stops it. A function that listens twice hears twice. */
  on<K extends keyof Events>(event: K, listener: (value: Events[K]) => void): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    const own: Listener = (value) => listeners.has(own) && listener(value);
    this.#listeners.set(event, listeners.add(own));
    return () => listeners.delete(own);
  }

  emit<K extends keyof Events>(event: K, value: Events[K]): void {
    for (const listener of new Set(this.#listeners.get(event))) guard(() => listener(value as never));
  }
}

/** Do `work`. What it throws is reported as an uncaught error, and stops nothing. */
export function guard(work: () => void): void {
  try {
    work();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
