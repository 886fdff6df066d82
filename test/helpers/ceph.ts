/**
 * Buckets on a real S3 server, Ceph's RADOS gateway (scripts/ceph-rgw.mjs). `PALIMPSEST_TEST_S3` names the JSON file of one
 * that runs already; else the first test that asks starts one, which all test files of the run share (ceph-run.ts ends it).
 * Each test file makes a bucket of its own and leaves it: the server holds nothing for longer than the run.
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { AwsClient } from "aws4fetch";
import { needs } from "./requires.js";

/** What `new S3Store({ ...bucket, prefix })` takes. */
export interface CephBucket {
  readonly bucket: string;
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly pathStyle: true;
}

/** The run's own server, if one is started: set by ceph-run.ts for the processes that run the tests. */
export const FOLDER_VARIABLE = "PALIMPSEST_TEST_CEPH_FOLDER";

/** Options for `describe` or `test`: skips them, loudly, where there is no server and none can be started. */
export function needsCeph(): { skip: boolean } {
  if (process.env.PALIMPSEST_TEST_S3) return { skip: false };
  return needs("ceph-mon", "ceph-osd", "radosgw");
}

let started: Promise<string> | undefined;

/** The path of the server's JSON file. Starting one that runs does nothing, whichever process began it. */
async function startServer(): Promise<string> {
  const folder = process.env[FOLDER_VARIABLE];
  if (folder === undefined) throw new Error("vitest.config.ts names test/helpers/ceph-run.ts as its globalSetup");
  const { stdout } = await promisify(execFile)(process.execPath, ["scripts/ceph-rgw.mjs", "start", "--folder", folder]);
  return stdout.trim();
}

/** A new, empty bucket. */
export async function cephBucket(): Promise<CephBucket> {
  const path = process.env.PALIMPSEST_TEST_S3 ?? (await (started ??= startServer()));
  const server: Omit<CephBucket, "bucket" | "pathStyle"> = JSON.parse(readFileSync(path, "utf8"));
  const bucket = `test-${crypto.randomUUID()}`;
  const client = new AwsClient({ ...server, service: "s3" });
  const response = await client.fetch(`${server.endpoint}/${bucket}`, { method: "PUT" });
  if (!response.ok) throw new Error(`creating bucket ${bucket}: status ${response.status}: ${await response.text()}`);
  await response.arrayBuffer();
  return { ...server, bucket, pathStyle: true };
}
