// A real gateway in a separate process, on a database in a temporary folder.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { Port } from "./ports.js";

// Not `new URL(..., import.meta.url)`: Vite makes an address of a page from that, in tests of pages.
export const ROOT = join(fileURLToPath(import.meta.url), "../../../../../");
const COMMAND = join(ROOT, ".venv", "bin", "tidegate");
// Without a developer's settings for a gateway, and with bytecode, which halves the time of a start.
const UNWANTED = /^(TIDEGATE_|PYTHONDONTWRITEBYTECODE$)/;
const ENVIRONMENT = Object.fromEntries(Object.entries(process.env).filter(([name]) => !UNWANTED.test(name)));
const START_MS = 60_000;

export class Gateway {
  readonly folder = mkdtempSync(join(tmpdir(), "tidegate-"));
  #port: Port | undefined;
  #process: ChildProcess | undefined;
  readonly #options: readonly string[];

  /** `options` are those of `tidegate serve`; without them it serves the sample. */
  constructor(options: readonly string[] = ["--schema", join(ROOT, "schema")]) {
    this.#options = options;
  }

  /** 0 before the first start. */
  get port(): number {
    return this.#port?.number ?? 0;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/ws`;
  }

  get http(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Create the tables, with sample rows if wanted. */
  migrate(seed = false): void {
    this.run("migrate", "--schema", join(ROOT, "schema"), ...(seed ? ["--seed"] : []));
  }

  /** Run one `tidegate` command to its end; returns what it prints. */
  run(...parameters: string[]): string {
    const options = {
      cwd: this.folder,
      env: ENVIRONMENT,
      encoding: "utf8",
      stdio: "pipe",
    } as const;
    return execFileSync(COMMAND, parameters, options);
  }

  /** Write past the gateway, as any other program would: with the SQLite of Python's standard library. */
  sql(statement: string, file = "tidegate.db"): void {
    const program = "import sqlite3, sys; c = sqlite3.connect(sys.argv[2]); c.execute(sys.argv[1]); c.commit()";
    this.python(program, statement, file);
  }

  /** Run a Python program in the folder; it can import what the tests share. */
  python(program: string, ...parameters: string[]): void {
    const env = { ...ENVIRONMENT, PYTHONPATH: ROOT };
    execFileSync(join(ROOT, ".venv", "bin", "python"), ["-c", program, ...parameters], { cwd: this.folder, env });
  }

  /** Run a command as it would be pasted into a terminal; `$PYTHON` has the packages of this checkout. */
  shell(command: string): string {
    const env = { ...ENVIRONMENT, PYTHON: join(ROOT, ".venv", "bin", "python") };
    return execFileSync("sh", ["-c", command], { cwd: this.folder, env, encoding: "utf8", stdio: "pipe" });
  }

  /** Start, or start again on the port it had. */
  async start(): Promise<void> {
    this.#port ??= await Port.claim();
    const parameters = ["serve", "--dev", "--port", String(this.port), ...this.#options];
    const child = spawn(COMMAND, parameters, { cwd: this.folder, env: ENVIRONMENT, stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    let said = "";
    child.stderr.on("data", (chunk) => {
      said += chunk;
    });
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`the gateway did not start in time:\n${said}`)), START_MS);
      child.once("exit", () => reject(new Error(`the gateway did not start:\n${said}`)));
      child.stdout.on("data", (chunk) => {
        if (String(chunk).includes("serving on ")) {
          clearTimeout(late);
          resolve();
        }
      });
    });
  }

  /** SIGTERM is the graceful stop; SIGKILL leaves no time for anything. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    child.kill(signal);
    await once(child, "exit");
  }

  /** Stop and remove the folder. */
  async remove(): Promise<void> {
    await this.stop();
    this.#port?.release();
    rmSync(this.folder, { recursive: true });
  }
}
