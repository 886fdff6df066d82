/** A call that waits for the catalog behind another one ends by its own signal. */
import { expect, it } from "vitest";
import { Aborted } from "../../../src/core/errors.js";
import { MemoryStore } from "../../../src/io/memory-store.js";
import { openOn } from "../../helpers/open-on.js";
import { RemoteStore } from "../../helpers/remote-store.js";

it("ends by its signal while another call's answer does not come", async () => {
  const objects = new MemoryStore();
  await (await openOn(objects)).createVolume({ name: "app", pageSize: 512 });
  const remote = new RemoteStore(objects);
  const store = await openOn(remote);
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  remote.onGet = () => held;
  const stuck = store.volume("app");
  const given = store.volume("app", { signal: AbortSignal.timeout(20) });
  const ended = await Promise.race([
    given.then(
      () => "opened",
      (error) => error,
    ),
    new Promise((resolve) => setTimeout(() => resolve("still waiting"), 400)),
  ]);
  release();
  expect(ended).toBeInstanceOf(Aborted);
  expect((await stuck).name).toBe("app");
});
