// Who an anonymous client is: the identity token of its first `welcome`, which makes it the same user on later connections
// and, kept in the page's storage, after a reload.
//
// Invariant: a storage that is missing, full or forbidden costs nothing but the memory of who this was.

export class AnonymousIdentity {
  /** To be given back to the gateway. */
  declare token: string | undefined;
  readonly #key: string = "";
  #storage: Storage | undefined;

  /** `place`: the option `identity`. `url`: the gateway's, whose origin alone counts. */
  constructor(place: string, url: string) {
    try {
      this.#key = `tidegate:${new URL(url, location.href).origin}`;
      this.#storage = (globalThis as unknown as Record<string, Storage | undefined>)[`${place}Storage`];
      this.token = this.#storage?.getItem(this.#key) ?? undefined;
    } catch {} // no page, or a browser that forbids the page its storage
  }

  keep(token: string): void {
    this.token = token;
    try {
      this.#storage?.setItem(this.#key, token);
    } catch {} // full
  }
}
