// What the compiler says of a program that uses every entry point of the installed package.

import { join } from "node:path";
import ts from "typescript";
import type { Folder } from "./installed.js";

const PROGRAM = `
import { connect, resource, type Client, RequestRefused } from "tidegate";
import { useWebSocket } from "tidegate/react";
import { optimistic } from "tidegate/optimistic";
import { ERRORS } from "tidegate/protocol";
import { tidegateCollectionOptions } from "tidegate/tanstack-db";
import type {} from "tidegate/refine";
interface Task { row: { id: number; at: string }; create: object; update: object; filters: object; key: number }
interface App { resources: { tasks: Task }; rooms: object }
const client: Client<App> = optimistic(connect<App>("ws://127.0.0.1/ws"));
export const rows: Promise<{ id: number; at: string }[]> = resource(client, "tasks").list();
export const options = tidegateCollectionOptions({ client, resource: "tasks" });
export const key: number = options.getKey({ id: 1, at: "" });
export const hook: Function = useWebSocket;
export const isRefused = (error: unknown) => error instanceof RequestRefused && error.code in ERRORS;
// @ts-expect-error: there is no such resource
resource(client, "taskz");
`;

export function complaints(folder: Folder, file: string, options: ts.CompilerOptions): string[] {
  const program = ts.createProgram([folder.write(file, PROGRAM)], {
    target: ts.ScriptTarget.ES2022,
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: ["node"],
    typeRoots: [join(folder.path, "node_modules", "@types")],
    ignoreDeprecations: "6.0",
    ...options,
  });
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
}
