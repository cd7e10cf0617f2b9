import { useWebSocket as untyped } from "tidegate/react";
import type { App } from "../../../generated/typescript/app";

// The hook of the package, typed by this application's contract: it knows the resources, their rows and their filters.
// `data` has rows of the resource that is named here; for other components, export it again for other resources.
export const useWebSocket = untyped<App, "users">;
