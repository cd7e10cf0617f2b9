// A real Chromium without root or service, and a page built from a source file, served from this machine.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import chromium from "@sparticuz/chromium";
import { type Browser, chromium as playwright } from "playwright-core";
import { build } from "tsdown";

/** One process, and no graphics library: drawing by the processor alone takes a third of it. */
const OPTIONS = ["--headless=shell", "--no-sandbox", "--no-zygote", "--single-process", "--disable-gpu"];

export async function launch(): Promise<Browser> {
  return await playwright.launch({ executablePath: await chromium.executablePath(), args: OPTIONS });
}

/** Build `file`, beside this one, with everything it imports, and serve it as the script of an empty page. */
export async function servePage(file: string): Promise<{ url: string; server: Server }> {
  const [bundle] = await build({
    config: false,
    entry: [fileURLToPath(new URL(file, import.meta.url))],
    format: "iife",
    platform: "browser",
    write: false,
    clean: false,
    dts: false,
    report: false,
    logLevel: "error",
    deps: { alwaysBundle: [/.*/], onlyBundle: false },
    define: { "process.env.NODE_ENV": '"development"' },
  } as Parameters<typeof build>[0]);
  const script = bundle?.chunks.find((chunk) => chunk.type === "chunk")?.code;
  if (script === undefined) throw new Error(`nothing was built from ${file}`);
  const server = createServer((request, response) => {
    const isScript = request.url === "/page.js";
    response.setHeader("Content-Type", isScript ? "text/javascript; charset=utf-8" : "text/html; charset=utf-8");
    response.end(isScript ? script : '<!doctype html><div id="root"></div><script src="/page.js"></script>');
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, server };
}
