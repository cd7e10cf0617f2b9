// The contract of the sample application, for the types of all hooks. An application has one such file.

import type { App } from "../../../generated/typescript/app.js";

declare module "tidegate" {
  interface Register {
    app: App;
  }
}

/** The gateway behind the server that the page came from. */
export const url = `${location.origin.replace("http", "ws")}/ws`;
