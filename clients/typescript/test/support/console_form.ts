// A form of the console on a page of happy-dom, and schemas for it.

import { vi } from "vitest";
// @ts-expect-error the console is JavaScript
import { Form } from "../../../../server/tidegate/console/forms.js";

export type Schema = Record<string, unknown>;

export const TEXT = { type: "string", maxLength: 100 };
export const NUMBER = { type: "number" };

export function object(properties: Schema, required = Object.keys(properties)): Schema {
  return { type: "object", properties, required, additionalProperties: false };
}

/** A form on the page, and what it gave when it was sent last. */
export class Shown {
  readonly form: { element: HTMLFormElement; reset(): void };
  readonly act = vi.fn(async (_: unknown) => {});

  constructor(schema: Schema, options: object = {}, definitions: Schema = {}) {
    this.form = new Form(schema, definitions, { act: this.act, submit: "Send", ...options });
    document.body.replaceChildren(this.form.element);
  }

  #labelled(name: string): Element {
    const marked = this.form.element.querySelector(`[aria-label="${name}"]`);
    const label = [...this.form.element.querySelectorAll("label")].find(
      (each) => each.firstChild?.textContent === name,
    );
    const found = marked ?? document.getElementById(label?.htmlFor ?? "");
    if (!found) throw new Error(`nothing is called ${name}`);
    return found;
  }

  get names(): string[] {
    return [...this.form.element.querySelectorAll("label, legend")].map(
      ({ firstChild }) => `${firstChild?.textContent}`,
    );
  }

  get marked(): string[] {
    return [...this.form.element.querySelectorAll(".required")].map(
      (mark) => `${mark.parentNode?.firstChild?.textContent}`,
    );
  }

  get problems(): string[] {
    const shown = [...this.form.element.querySelectorAll(".problem")].filter((each) => !(each as HTMLElement).hidden);
    return shown.flatMap(({ children }) => [...children].map(({ textContent }) => textContent.trim()));
  }

  press(name: string): void {
    (this.#labelled(name) as HTMLButtonElement).click();
  }

  fill(values: Record<string, string>): void {
    for (const [name, value] of Object.entries(values)) {
      const input = this.#labelled(name) as HTMLInputElement;
      input.value = value;
      input.dispatchEvent(new Event("change"));
    }
  }

  value(name: string): string {
    return (this.#labelled(name) as HTMLInputElement).value;
  }

  focused(name: string): boolean {
    return document.activeElement === this.#labelled(name);
  }

  async send(): Promise<unknown> {
    this.act.mockClear();
    this.form.element.onsubmit?.(new Event("submit") as SubmitEvent);
    await new Promise((resolve) => setTimeout(resolve));
    return this.act.mock.calls[0]?.[0];
  }

  /** Send it, and let the gateway find these mistakes. */
  async refused(...violations: [pointer: string, message: string][]): Promise<string[]> {
    const found = violations.map(([pointer, message]) => ({ pointer, message }));
    this.act.mockRejectedValueOnce(Object.assign(new Error("invalid"), { violations: found }));
    await this.send();
    return this.problems;
  }
}
