// A real S3 server on loopback, for the tests: Ceph's RADOS gateway from Debian's packages, with all data in memory.
//
//   node scripts/ceph-rgw.mjs start [--folder F] [--port P]    prints the path of a JSON file { endpoint, region, accessKeyId,
//                                                              secretAccessKey }; does nothing where it runs already
//   node scripts/ceph-rgw.mjs status [--folder F]              the same, or exit code 1 where it does not run
//   node scripts/ceph-rgw.mjs stop [--folder F]                ends its processes and removes its folder
//
// Needs: apt-get install --no-install-recommends ceph-mon ceph-osd ceph-mgr radosgw. No root, no systemd, no fixed port: each
// folder is a cluster of its own (one monitor, one OSD, one gateway, about 200 MB), so that several can run side by side.
import { execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import fs from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs, promisify } from "node:util";
import { AwsClient } from "aws4fetch";

const HOST = "127.0.0.1";
const REGION = "us-east-1";
const ACCESS_KEY = "palimpsest-test";
const PACKAGES = "ceph-mon ceph-osd ceph-mgr radosgw";
const PROGRAMS = ["ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "ceph", "ceph-authtool", "monmaptool"];
/** A port that was free a moment ago may be taken: then all is tried again with others. */
const TRIES = 3;
const STEP_TIMEOUT_MS = 45_000;

/** Something to tell the user, without a stack. */
class Refusal extends Error {}

const pathsOf = (folder) => ({
  folder,
  conf: join(folder, "ceph.conf"),
  server: join(folder, "server.json"),
  starter: join(folder, "start.pid"),
  keyring: join(folder, "keyring"),
  monmap: join(folder, "monmap"),
});

/**
 * The cluster's settings. With the default intervals of paxos it takes 12 s to start, and without the gateway's tcp_nodelay
 * every small answer waits 40 ms for an acknowledgement. What the daemons by default remember for a crash report, and track of
 * every operation, is a third of the time that they take.
 */
const settings = ({ folder, keyring }, fsid, monitor, port) => `[global]
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
fsid = ${fsid}
mon_host = ${monitor}
public_addr = ${HOST}
cluster_addr = ${HOST}
ms_bind_ipv6 = false
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
auth_allow_insecure_global_id_reclaim = false
mon_allow_pool_size_one = true
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
run_dir = ${folder}
admin_socket =
log_file =
debug_rgw = 0/0
debug_osd = 0/0
debug_ms = 0/0
debug_objecter = 0/0
[mon]
mon_data = ${join(folder, "mon")}
[osd]
osd_data = ${join(folder, "osd")}
osd_objectstore = memstore
osd_enable_op_tracker = false
memstore_device_bytes = ${4 * 2 ** 30}
[client.rgw]
rgw_frontends = beast endpoint=${HOST}:${port} tcp_nodelay=1
rgw_thread_pool_size = 32
rgw_crypt_require_ssl = false
ms_mon_client_mode = crc
keyring = ${keyring}
`;

const environment = { ...process.env };
for (const name of ["CEPH_ARGS", "CEPH_CONF", "CEPH_KEYRING"]) delete environment[name];

/** Runs one of Ceph's tools on this cluster, to its end. */
async function run(program, ...args) {
  try {
    await promisify(execFile)(program, args, { env: environment, timeout: STEP_TIMEOUT_MS });
  } catch (error) {
    const what = error.killed
      ? `did not end in ${STEP_TIMEOUT_MS / 1000} s`
      : `failed: ${error.stderr || error.message}`;
    throw new Error(`${program} ${what}`);
  }
}

/** Starts a daemon that outlives this script. Its process id and what it says are in the folder. */
function startDaemon(folder, name, program, ...args) {
  const output = fs.openSync(join(folder, `${name}.log`), "a");
  const child = spawn(program, args, {
    cwd: folder,
    detached: true,
    stdio: ["ignore", output, output],
    env: environment,
  });
  fs.closeSync(output);
  child.unref();
  fs.writeFileSync(join(folder, `${name}.pid`), `${child.pid}`);
}

async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, HOST);
      await new Promise((listening, failed) => server.once("listening", listening).once("error", failed));
      return server;
    }),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}

/** Whether a signed request is answered. */
async function answers({ endpoint, region, accessKeyId, secretAccessKey }) {
  const client = new AwsClient({ accessKeyId, secretAccessKey, region, service: "s3", retries: 0 });
  try {
    const response = await client.fetch(endpoint, { signal: AbortSignal.timeout(5000) });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}

async function startCluster(paths, fixedPort) {
  const { folder, conf, keyring, monmap } = paths;
  const [v2, v1, freePort] = await freePorts(3);
  const port = fixedPort ?? freePort;
  const [fsid, osd] = [randomUUID(), randomUUID()];
  const monitor = `[v2:${HOST}:${v2},v1:${HOST}:${v1}]`;
  fs.mkdirSync(join(folder, "mon"), { recursive: true });
  fs.mkdirSync(join(folder, "osd"), { recursive: true });
  fs.writeFileSync(conf, settings(paths, fsid, monitor, port));

  await run("monmaptool", "-c", conf, "--create", "--fsid", fsid, "--addv", "a", monitor, monmap);
  await run("ceph-mon", "-c", conf, "-i", "a", "--mkfs", "--monmap", monmap);
  startDaemon(folder, "mon", "ceph-mon", "-c", conf, "-i", "a", "-f");
  await run("ceph", "-c", conf, "--connect-timeout", "20", "osd", "new", osd);
  await run("ceph-osd", "-c", conf, "-i", "0", "--mkfs", "--osd-uuid", osd);
  startDaemon(folder, "osd", "ceph-osd", "-c", conf, "-i", "0", "-f");
  await run("ceph-authtool", "-c", conf, "-C", keyring, "--gen-key", "-n", "client.rgw");
  // The user before the gateway: whichever comes first makes the pools, and two at once would trip over each other.
  const user = ["--uid", "test", "--display-name", "test", "--max-buckets", "0"];
  // A secret of its own: another folder's gateway, on the same port by mistake, does not answer to it.
  const secret = randomUUID();
  const keys = ["--access-key", ACCESS_KEY, "--secret-key", secret];
  await run("radosgw-admin", "-c", conf, "-n", "client.rgw", "user", "create", ...user, ...keys);
  startDaemon(folder, "rgw", "radosgw", "-c", conf, "-n", "client.rgw", "-f");

  const endpoint = `http://${HOST}:${port}`;
  const server = { endpoint, region: REGION, accessKeyId: ACCESS_KEY, secretAccessKey: secret };
  const until = Date.now() + STEP_TIMEOUT_MS;
  while (!(await answers(server))) {
    if (!processesOf(paths).some(({ name }) => name === "rgw")) throw new Error("radosgw ended");
    if (Date.now() > until) throw new Error(`the gateway did not answer in ${STEP_TIMEOUT_MS / 1000} s`);
    await sleep(50);
  }
  // Renamed into place: whoever sees the file sees all of it, and a server that is ready.
  fs.writeFileSync(`${paths.server}.new`, `${JSON.stringify(server, null, 2)}\n`, { mode: 0o600 });
  fs.renameSync(`${paths.server}.new`, paths.server);
}

/** The last lines that each daemon wrote. */
function logsOf(folder) {
  const tail = (name) => {
    const text = fs.readFileSync(join(folder, name), "utf8").trimEnd();
    return `${name}:\n${text.split("\n").slice(-8).join("\n")}`;
  };
  const names = fs.readdirSync(folder).filter((name) => name.endsWith(".log"));
  return names.map(tail).join("\n");
}

/** The daemons of this folder that live. A process that only inherited the id of one is not among them. */
function processesOf({ folder, conf }) {
  const names = fs.readdirSync(folder).filter((name) => /^(mon|osd|rgw)\.pid$/.test(name));
  const all = names.map((file) => ({
    name: file.slice(0, -4),
    pid: Number(fs.readFileSync(join(folder, file), "utf8")),
  }));
  return all.filter(({ pid }) => commandOf(pid).includes(conf));
}

/** The command line of a process, as a list; empty where there is none. A dead process not yet waited for has none. */
function commandOf(pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}

/** Data in memory needs no orderly end. */
async function killAll(paths) {
  for (let left; (left = processesOf(paths)).length > 0; await sleep(20)) {
    for (const { pid } of left) process.kill(pid, "SIGKILL");
  }
}

/** Whether the folder is one of ours. Anything else at its path is left alone. */
function isOurs({ folder, starter }) {
  const found = fs.lstatSync(folder, { throwIfNoEntry: false });
  if (found === undefined) return false;
  if (!found.isDirectory() || found.uid !== userInfo().uid || !fs.existsSync(starter)) {
    throw new Refusal(`${folder} is there, and was not made by "start" as this user: name another --folder`);
  }
  return true;
}

/** Waits until no other "start" is at work on the folder. */
async function waitForStarter({ starter }) {
  while (fs.existsSync(starter)) {
    const pid = Number(fs.readFileSync(starter, "utf8"));
    if (pid === process.pid || !commandOf(pid).some((word) => word.endsWith("ceph-rgw.mjs"))) return;
    await sleep(100);
  }
}

/** What the folder's server is reached by, where it answers. */
async function running(paths) {
  if (!isOurs(paths) || !fs.existsSync(paths.server)) return undefined;
  const server = JSON.parse(fs.readFileSync(paths.server, "utf8"));
  return (await answers(server)) ? server : undefined;
}

/** Makes the folder, whole or not at all: of several that start at once, one does. */
function claim({ folder }) {
  fs.mkdirSync(dirname(folder), { recursive: true });
  const fresh = fs.mkdtempSync(`${folder}-`);
  fs.writeFileSync(join(fresh, "start.pid"), `${process.pid}`);
  try {
    fs.renameSync(fresh, folder);
    return true;
  } catch (error) {
    fs.rmSync(fresh, { recursive: true });
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    return false;
  }
}

function checkPrograms() {
  const folders = (process.env.PATH ?? "").split(":");
  const missing = PROGRAMS.filter((program) => !folders.some((path) => fs.existsSync(join(path, program))));
  if (missing.length === 0) return;
  const command = `apt-get install --no-install-recommends ${PACKAGES}`;
  throw new Refusal(`${missing.join(", ")}: not installed. On Debian, as root: ${command}`);
}

async function start(paths, port) {
  checkPrograms();
  while (!claim(paths)) {
    await waitForStarter(paths);
    if (await running(paths)) return;
    await stop(paths);
  }
  const began = Date.now();
  for (let tries = 1; ; tries++) {
    try {
      await startCluster(paths, port);
      break;
    } catch (error) {
      const message = `${error.message}\n${logsOf(paths.folder)}`;
      await killAll(paths);
      for (const name of fs.readdirSync(paths.folder)) {
        if (name !== "start.pid") fs.rmSync(join(paths.folder, name), { recursive: true });
      }
      if (tries < TRIES) continue;
      fs.rmSync(paths.folder, { recursive: true });
      throw new Refusal(`the gateway did not start, ${TRIES} times. The last time ${message}`);
    }
  }
  console.error(`ready in ${((Date.now() - began) / 1000).toFixed(1)} s`);
}

async function stop(paths) {
  if (!isOurs(paths)) return;
  await waitForStarter(paths);
  if (!isOurs(paths)) return;
  await killAll(paths);
  fs.rmSync(paths.folder, { recursive: true, force: true });
}

async function main() {
  const { values, positionals } = parseArgs({
    options: { folder: { type: "string" }, port: { type: "string" } },
    allowPositionals: true,
  });
  const folder = resolve(values.folder ?? join(tmpdir(), `palimpsest-ceph-${userInfo().username}`));
  const port = values.port === undefined ? undefined : Number(values.port);
  if (port !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65535)) {
    throw new Refusal(`--port ${values.port}: must be a whole number from 1 to 65535`);
  }
  if (/[\s;#$]/.test(folder))
    throw new Refusal(`${folder}: Ceph's settings cannot hold this path; name another --folder`);
  const paths = pathsOf(folder);
  const command = positionals.length === 1 ? positionals[0] : undefined;
  if (command === "start") {
    await start(paths, port);
    console.log(paths.server);
  } else if (command === "status") {
    if (!(await running(paths))) throw new Refusal(`no gateway runs in ${folder}`);
    console.log(paths.server);
  } else if (command === "stop") {
    await stop(paths);
  } else {
    throw new Refusal("usage: node scripts/ceph-rgw.mjs start | status | stop [--folder F] [--port P]");
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
