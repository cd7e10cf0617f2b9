// A page under StrictMode over a scripted gateway: the tests of `tidegate/react` render components and play the gateway.

import { act, cleanup, render } from "@testing-library/react";
import { StrictMode } from "react";
import { afterEach, beforeEach, vi } from "vitest";
import { Scripted, turn } from "./scripted.js";

export const URL = "ws://gateway.test/ws";

/** What the hooks of the last test rendered. */
export interface Stage {
  gateway: Scripted;
}

/** Timers that the test moves, and a gateway that speaks when the test says so, as the global WebSocket. */
export function stage(): Stage {
  const here = {} as Stage;
  beforeEach(() => {
    vi.useFakeTimers();
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    sessionStorage.clear();
    here.gateway = new Scripted();
    vi.stubGlobal("WebSocket", here.gateway.WebSocket);
  });
  afterEach(async () => {
    cleanup();
    await turn();
    vi.useRealTimers();
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });
  return here;
}

/** Let everything happen that takes no time. */
export const settle = () => act(turn);

export const strict = (page: React.ReactNode) => <StrictMode>{page}</StrictMode>;

export async function show(page: React.ReactNode) {
  const shown = render(strict(page));
  await settle();
  return {
    ...shown,
    again: async (next: React.ReactNode) => {
      shown.rerender(strict(next));
      await settle();
    },
  };
}

/** A token that names a user; no test checks its signature. */
export function tokenOf(sub: string, more: object = {}): string {
  return `h.${btoa(JSON.stringify({ sub, ...more })).replace(/=/g, "")}.s`;
}
