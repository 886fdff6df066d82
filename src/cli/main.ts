#!/usr/bin/env node
/** The program `palimpsest`: gives `run` the process, and Ctrl-C as an abort. */
import { run } from "./run.js";

const controller = new AbortController();
// A query blocks the thread, so nothing could answer an abort: there SIGINT ends the process, which changes nothing. A
// second SIGINT ends any other command too; the store survives that.
if (process.argv[2] !== "sql") process.once("SIGINT", () => controller.abort(new Error("SIGINT")));

process.exitCode = await run({
  argv: process.argv.slice(2),
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: controller.signal,
});
