/** The campaign of fault-proxy.test.ts, shorter, against a real S3 server. Longer: `CEPH_SOCKET_OPERATIONS=20000`. */
import { describe, expect, it } from "vitest";
import { runSocketFaults } from "../campaign/socket-faults.js";
import { cephBucket, needsCeph } from "../helpers/ceph.js";
import { runSeed } from "../helpers/random.js";

const OPERATIONS = Number(process.env.CEPH_SOCKET_OPERATIONS ?? 400);

describe("a page store on Ceph over sockets that fail", needsCeph(), () => {
  it(`tells the truth: ${OPERATIONS} operations`, async () => {
    const seed = runSeed("socket faults on Ceph");
    const { seen, applied } = await runSocketFaults({ seed, operations: OPERATIONS, store: await cephBucket() });
    console.info("socket faults on Ceph:", JSON.stringify(seen));
    console.info("faults of writes that were applied:", JSON.stringify(applied));
    for (const what of ["commits", "reads", "faults", "retries"]) expect(seen[what], what).toBeGreaterThan(0);
  }, 600_000);
});
