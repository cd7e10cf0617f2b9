// A text that outlives the page, in the page's storage: who an anonymous client is, and whether it speaks over events.
//
// Invariant: a storage that is missing, full or forbidden costs nothing but the memory beyond this page.

export class Kept {
  declare text: string | null | undefined;
  readonly #key: string = "";
  #storage: Storage | undefined;

  /** `place`: "session", "local" or "none". `url`: the gateway's, whose origin alone counts. */
  constructor(place: string, name: string, url: string) {
    try {
      this.#key = `${name}:${new URL(url, location.href).origin}`;
      this.#storage = (globalThis as unknown as Record<string, Storage | undefined>)[`${place}Storage`];
      this.text = this.#storage?.getItem(this.#key);
    } catch {} // no page, or a browser that forbids the page its storage
  }

  keep(text: string): void {
    this.text = text;
    try {
      this.#storage?.setItem(this.#key, text);
    } catch {} // full
  }
}
