/**
 * A page store on S3 over real sockets that fail: every fault right after every other one, and all that is said is true. Against
 * a server in memory; test/fault/ceph-proxy.test.ts does the same, shorter, against a real one. Longer:
 * `SOCKET_OPERATIONS=100000 npx vitest run test/fault/fault-proxy.test.ts`.
 */
import { expect, it } from "vitest";
import { runSocketFaults } from "../campaign/socket-faults.js";
import { MemoryS3 } from "../helpers/memory-s3.js";
import { runSeed } from "../helpers/random.js";

const OPERATIONS = Number(process.env.SOCKET_OPERATIONS ?? 5000);

it(`tells the truth whatever the sockets do: ${OPERATIONS} operations, every pair of faults`, async () => {
  const seed = runSeed("socket faults");
  await using server = await MemoryS3.start();
  const { pairs, seen, applied } = await runSocketFaults({
    seed,
    clients: 8,
    operations: OPERATIONS,
    store: { bucket: "test", endpoint: server.endpoint },
  });
  console.info(`how often each fault (a column) came right after each other one (a row):\n${pairs.matrix()}`);
  console.info("socket faults:", JSON.stringify(seen));
  console.info("faults of writes that were applied:", JSON.stringify(applied));
  expect(pairs.missing()).toEqual([]);
  for (const what of ["commits", "conflicts", "unknown", "unavailable commits", "reads", "opens", "lists"]) {
    expect(seen[what], what).toBeGreaterThan(0);
  }
}, 600_000);
