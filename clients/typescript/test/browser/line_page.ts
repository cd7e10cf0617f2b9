// A page that shows nothing: the test gives it the address of a gateway, and does with the client what a program would do.

import { connect, resource } from "../../src/index.js";

Object.assign(globalThis, { connect, resource });
