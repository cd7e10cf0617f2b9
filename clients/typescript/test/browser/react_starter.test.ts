// What `tidegate init --react` writes, as its README says to use it: checked, built, served by Vite, and open in Chromium.
// The package is the one that `npm pack` makes; all others are those of this checkout, so that nothing is downloaded.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pack } from "../packaging/installed.js";
import { Gateway, ROOT } from "../support/gateway.js";
import { launch } from "./chromium.js";

const HERE = join(ROOT, "clients", "typescript");
const gateway = new Gateway([]);
const web = join(gateway.folder, "web");
const complaints: string[] = [];
let browser: Browser | undefined;
let page: Page;
let vite: ChildProcess | undefined;

interface Package {
  version: string;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

function packageOf(folder: string): Package {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

/** Run a program of web/node_modules to its end; returns what it printed. */
function run(program: string, ...parameters: string[]): string {
  const options = { cwd: web, encoding: "utf8", stdio: "pipe" } as const;
  return execFileSync(process.execPath, [join(web, "node_modules", program), ...parameters], options);
}

/** What a program printed that ended with an error. */
function complaint(failing: () => string): string {
  try {
    failing();
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
  throw new Error("it ended without an error");
}

/** Unpack the package that users install. */
function installClient(): void {
  const target = join(web, "node_modules", "tidegate");
  mkdirSync(target, { recursive: true });
  execFileSync("tar", ["-xzf", pack(gateway.folder), "--strip-components=1", "-C", target]);
}

function installOthers(): void {
  const { dependencies, devDependencies } = packageOf(web);
  for (const name of Object.keys({ ...dependencies, ...devDependencies }).filter((each) => each !== "tidegate")) {
    const link = join(web, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(HERE, "node_modules", name), link);
  }
}

/** `npm run dev`; returns where the page is. */
async function startVite(): Promise<string> {
  const child = spawn(process.execPath, [join(web, "node_modules", "vite", "bin", "vite.js")], {
    cwd: web,
    env: { ...process.env, GATEWAY: gateway.http, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  vite = child;
  let told = "";
  return await new Promise<string>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`Vite did not start in time:\n${told}`)), 120_000);
    child.once("exit", () => reject(new Error(`Vite did not start:\n${told}`)));
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        told += chunk;
        const found = /http:\/\/127\.0\.0\.1:\d+\//.exec(told);
        if (found !== null) {
          clearTimeout(late);
          resolve(found[0]);
        }
      });
    }
  });
}

beforeAll(async () => {
  gateway.run("init", "--react");
  gateway.run("generate");
  gateway.run("migrate", "--seed");
  await gateway.start();
  installClient();
  installOthers();
});

afterAll(async () => {
  await browser?.close();
  if (vite?.kill()) await once(vite, "exit");
  await gateway.remove();
});

test("its package.json asks for this client, and for the versions that are tried here", () => {
  const { dependencies, devDependencies } = packageOf(web);
  const { tidegate, ...others } = { ...dependencies, ...devDependencies };
  expect(tidegate).toBe(`^${packageOf(HERE).version}`);
  for (const [name, version] of Object.entries(others)) {
    expect(`${name} ${version}`).toBe(`${name} ${packageOf(join(HERE, "node_modules", name)).version}`);
  }
});

test("the compiler accepts it", () => {
  run("typescript/bin/tsc");
});

/** The edits of the tutorial to the files below `web`, in their order. */
function followTutorial(): void {
  const tutorial = readFileSync(join(ROOT, "docs", "tutorial", "first-application.md"), "utf8");
  for (const [, language, file = "", text = ""] of tutorial.matchAll(/^```(tsx|diff) (web\/\S+)\n(.*?)^```/gms)) {
    const path = join(gateway.folder, file);
    if (language === "tsx") {
      writeFileSync(path, text);
      continue;
    }
    const side = (marks: string) =>
      text
        .split("\n")
        .filter((line) => line !== "" && marks.includes(line.charAt(0)))
        .map((line) => line.slice(1))
        .join("\n");
    const content = readFileSync(path, "utf8");
    expect(content.split(side(" -"))).toHaveLength(2);
    writeFileSync(path, content.replace(side(" -"), side(" +")));
  }
}

test("the compiler accepts the list of the tutorial", () => {
  followTutorial();
  run("typescript/bin/tsc");
});

test("the compiler refuses a filter that no user can match, and a property that notes do not have", () => {
  const mistakes = { "UsersList.tsx": ['"active"', '"atcive"'], "NotesList.tsx": ["note.text", "note.txt"] };
  const written = new Map<string, string>();
  for (const [name, [right, wrong]] of Object.entries(mistakes) as [string, [string, string]][]) {
    const file = join(web, "src", name);
    const text = readFileSync(file, "utf8");
    written.set(file, text);
    writeFileSync(file, text.replace(right, wrong));
  }
  const refusal = complaint(() => run("typescript/bin/tsc"));
  expect(refusal).toMatch(/^src\/UsersList\.tsx.*atcive/m);
  expect(refusal).toMatch(/^src\/NotesList\.tsx.*txt/m);
  for (const [file, text] of written) writeFileSync(file, text);
});

test("it builds", () => {
  run("vite/bin/vite.js", "build", "--logLevel", "error");
  expect(readFileSync(join(web, "dist", "index.html"), "utf8")).toMatch(/src="\/assets\/index-[\w-]+\.js"/);
});

test("it shows the active users, and follows what other programs write", async () => {
  const url = await startVite();
  browser = await launch();
  page = await browser.newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  await page.goto(url);
  const names = () => page.locator("#root > div").allTextContents();
  await expect.poll(names).toEqual(["Ada", "Grace"]);
  gateway.sql("update users set name = 'Ada Lovelace' where id = 1");
  await expect.poll(names).toEqual(["Ada Lovelace", "Grace"]);
  gateway.sql("update users set status = 'active' where name = 'Linus'");
  await expect.poll(names).toEqual(["Ada Lovelace", "Grace", "Linus"]);
  gateway.sql("delete from users where name = 'Grace'");
  await expect.poll(names).toEqual(["Ada Lovelace", "Linus"]);
  const notes = () => page.locator("#root li").allTextContents();
  await expect.poll(notes).toEqual(["Add a property to schema/resources/notes.schema.json"]);
  gateway.sql("insert into notes (text) values ('Written by another program')");
  await expect.poll(notes).toHaveLength(2);
  gateway.sql("update notes set done = 1 where id = 2");
  await expect.poll(notes).toEqual(["Written by another program"]);
  expect(complaints).toEqual([]);
});
