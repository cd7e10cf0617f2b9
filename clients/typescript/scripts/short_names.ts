// Members of objects that no program sees. In the built package each has a name of one letter: a bundler cannot shorten the
// names of members by itself, because it does not know which of them a program uses.
//
// Invariant: a name here is declared in `src` alone, and by nothing that an entry point exports; `test/short_names.test.ts`
// asks the compiler.

import { type BuildOptions, build, type TransformOptions, transform } from "esbuild";
import type { Rolldown } from "tsdown";

type Plugin = Rolldown.Plugin;

export const INTERNAL = [
  "about",
  "again",
  "answered",
  "asking",
  "become",
  "bound",
  "calls",
  "changesOnly",
  "closed",
  "deadline",
  "emit",
  "end",
  "ended",
  "equal",
  "fail",
  "failed",
  "flush",
  "forget",
  "held",
  "holds",
  "identify",
  "identityChanged",
  "isAnswered",
  "isWanted",
  "keep",
  "kept",
  "keyOf",
  "lived",
  "load",
  "lost",
  "made",
  "make",
  "mentions",
  "nameOf",
  "opened",
  "outstanding",
  "over",
  "overlay",
  "partial",
  "parts",
  "place",
  "post",
  "probe",
  "pushed",
  "pushes",
  "quiet",
  "reached",
  "received",
  "refused",
  "release",
  "renew",
  "replied",
  "seen",
  "sends",
  "settle",
  "shown",
  "text",
  "timer",
  "touch",
  "touched",
  "unblocked",
  "until",
  "version",
  "watch",
  "withdraw",
  "worked",
  "writes",
];

const mangleProps = new RegExp(`^(${INTERNAL.join("|")})$`);

/** Short names for the members of built files: the same in all of them, and those that suit the whole package best. */
export function shortNames(entryPoints: string[], external: string[]): Plugin {
  let mangleCache: Record<string, string | false> = {};
  return {
    name: "short-names",
    async buildStart() {
      const whole: BuildOptions = {
        entryPoints,
        external,
        bundle: true,
        minify: true,
        format: "esm",
        target: "es2022",
      };
      const built = await build({ ...whole, write: false, outdir: ".", mangleProps, mangleCache: {} });
      mangleCache = built.mangleCache ?? {};
    },
    async renderChunk(code, { fileName }) {
      if (!/\.c?js$/.test(fileName)) return undefined;
      const options: TransformOptions = { sourcefile: fileName, sourcemap: "external", target: "es2022" };
      return await transform(code, { ...options, mangleProps, mangleCache });
    },
  };
}
