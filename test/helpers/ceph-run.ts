/**
 * vitest's global setup: gives the run a folder for its own S3 server, and ends the server with the run. It is started by
 * the first test that needs it (ceph.ts), so that a run without such tests does not wait for it.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FOLDER_VARIABLE } from "./ceph.js";

export default function setup(): (() => void) | undefined {
  if (process.env.PALIMPSEST_TEST_S3) return undefined;
  const folder = join(tmpdir(), `palimpsest-test-ceph-${process.pid}`);
  process.env[FOLDER_VARIABLE] = folder;
  return () => {
    if (existsSync(folder)) execFileSync(process.execPath, ["scripts/ceph-rgw.mjs", "stop", "--folder", folder]);
  };
}
