// refine (https://refine.dev) over a gateway: its providers of data, of live events and of authentication.

export { type AuthProviderOptions, authProvider } from "./auth.js";
export { dataProvider } from "./data.js";
export { type LiveProviderOptions, liveProvider, type Patch } from "./news.js";
export { patchQueries } from "./patch.js";
