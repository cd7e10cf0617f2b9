// The package as users get it: packed, and unpacked into the node_modules of a new folder.

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const PACKAGE = fileURLToPath(new URL("../../", import.meta.url));

export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), "tidegate-app-"));

  write(file: string, text: string): string {
    const path = join(this.path, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  /** Run a program in the folder; returns what it prints. */
  run(command: string, ...parameters: string[]): string {
    const stdio: ["ignore", "pipe", "pipe"] = ["ignore", "pipe", "pipe"];
    try {
      return execFileSync(command, parameters, { cwd: this.path, encoding: "utf8", stdio });
    } catch (error) {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      throw new Error(`${command} ${parameters.join(" ")}\n${stdout}\n${stderr}`);
    }
  }

  node(code: string, ...options: string[]): string {
    return this.run(process.execPath, ...options, this.write("program.mjs", code)).trim();
  }

  /** Copy files of the client's tests. */
  copy(file: string): void {
    cpSync(join(PACKAGE, "test", "packaging", file), join(this.path, file));
  }

  remove(): void {
    rmSync(this.path, { recursive: true });
  }
}

/** Pack the built package into a folder; returns the archive. `npm test` of the Makefile builds it first. */
export function pack(folder: string): string {
  if (!existsSync(join(PACKAGE, "dist", "index.cjs"))) execFileSync("npm", ["run", "build"], { cwd: PACKAGE });
  const options = ["--ignore-scripts", "--loglevel=error", "--pack-destination", folder];
  const name = execFileSync("npm", ["pack", ...options], { cwd: PACKAGE, encoding: "utf8" }).trim();
  return join(folder, name);
}

/** Unpack an archive as npm would, and take the peers from the client's own packages. */
export function install(folder: Folder, archive: string, peers: readonly string[]): void {
  const packages = join(folder.path, "node_modules");
  mkdirSync(join(packages, "tidegate"), { recursive: true });
  folder.run("tar", "-xzf", archive, "-C", join(packages, "tidegate"), "--strip-components=1");
  for (const peer of peers) {
    mkdirSync(dirname(join(packages, peer)), { recursive: true });
    symlinkSync(join(PACKAGE, "node_modules", peer), join(packages, peer));
  }
}
