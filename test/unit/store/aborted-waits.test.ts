/**
 * A call that waits for what another call has begun: its signal ends the wait, and that alone. The other call goes on and
 * succeeds, and whoever comes behind waits for it as before.
 */
import { describe, expect, it } from "vitest";
import { Aborted } from "../../../src/core/errors.js";
import { HttpStore } from "../../../src/io/http-store.js";
import { MemoryStore } from "../../../src/io/memory-store.js";
import { recordKey } from "../../../src/log/keys.js";
import type { Snapshot } from "../../../src/node.js";
import { openOn } from "../../helpers/open-on.js";
import { RemoteStore } from "../../helpers/remote-store.js";

/** Holds back whoever passes, until it is opened. */
class Gate {
  readonly reached: Promise<void>;
  readonly #opened: Promise<void>;
  #reach = () => {};
  open = () => {};

  constructor() {
    this.reached = new Promise((resolve) => {
      this.#reach = resolve;
    });
    this.#opened = new Promise((resolve) => {
      this.open = resolve;
    });
  }

  readonly pass = (): Promise<void> => {
    this.#reach();
    return this.#opened;
  };
}

/** Long enough for everything that does not wait for the gate. */
const pause = () => new Promise((resolve) => setTimeout(resolve, 20));

/** Begins a call that waits, then what comes behind it, and aborts the first of the two. */
async function expectAborted(call: (signal: AbortSignal) => Promise<unknown>, behind?: () => void): Promise<void> {
  const controller = new AbortController();
  const refused = expect(call(controller.signal)).rejects.toThrow(Aborted);
  await pause();
  behind?.();
  await pause();
  controller.abort();
  await refused;
}

/** A store in which a call is opening a volume, which waits at the gate. */
async function whileOpening() {
  const objects = new MemoryStore();
  await (await (await openOn(objects)).createVolume({ name: "app" })).commit({ pageCount: 1 });
  const remote = new RemoteStore(objects);
  const store = await openOn(remote);
  const gate = new Gate();
  remote.onGet = (key) => (key.includes("/l/") ? gate.pass() : undefined);
  const opening = store.volume("app");
  await gate.reached;
  return { store, gate, opening };
}

// Where the signal ends nothing, the gate stays shut.
describe("a signal ends the wait", { timeout: 20_000 }, () => {
  it("for another call's commit, and who comes behind still waits for that one", async () => {
    const objects = new MemoryStore();
    const remote = new RemoteStore(objects);
    const volume = await (await openOn(remote)).createVolume({ name: "app" });
    const gate = new Gate();
    const puts: string[] = [];
    remote.onPut = (key) => {
      puts.push(key);
      return key === recordKey(volume.id, 1) ? gate.pass() : undefined;
    };
    const first = volume.commit({ pageCount: 1 });
    await gate.reached;
    let third: Promise<Snapshot> | undefined;
    await expectAborted(
      (signal) => volume.commit({ pageCount: 2, signal }),
      () => {
        third = volume.commit({ pageCount: 3 });
      },
    );
    await pause();
    expect(puts, "the third has not begun").toEqual([recordKey(volume.id, 1)]);
    gate.open();
    expect((await first).lsn).toBe(1);
    const { lsn, pageCount } = await third!;
    expect([lsn, pageCount]).toEqual([2, 3]);
  });

  it("for the check that the storage takes writes", async () => {
    const remote = new RemoteStore(new MemoryStore());
    const gate = new Gate();
    remote.onCheck = gate.pass;
    const store = await openOn(remote);
    const first = store.createVolume({ name: "first" });
    await gate.reached;
    await expectAborted((signal) => store.createVolume({ name: "second", signal }));
    gate.open();
    expect((await first).name).toBe("first");
    const names: string[] = [];
    for await (const { name } of store.volumes()) names.push(name);
    expect(names).toEqual(["first"]);
  });

  it("for a volume that another call is opening", async () => {
    const { store, gate, opening } = await whileOpening();
    await expectAborted((signal) => store.volume("app", { signal }));
    gate.open();
    const volume = await opening;
    expect((await volume.latest())!.pageCount).toBe(1);
    expect(await store.volume("app")).toBe(volume);
  });

  it("for whether a host gives pages for what is absent", async () => {
    const gate = new Gate();
    let asked = 0;
    const fetch = async (url: unknown) => {
      if (String(url).includes("absent-")) {
        asked++;
        await gate.pass();
      }
      return new Response("<html>", { status: 200, headers: { "content-type": "text/html" } });
    };
    const store = new HttpStore("https://example.org/p", { fetch: fetch as typeof globalThis.fetch });
    const first = store.get("c/head", { probing: true });
    await gate.reached;
    await expectAborted((signal) => store.get("c/head", { probing: true, signal }));
    gate.open();
    expect(await first).toBeUndefined();
    expect(await store.get("c/head", { probing: true })).toBeUndefined();
    expect(asked, "one question, for all").toBe(1);
  });
});

it("closing a store twice at once ends with what was under way, both times", async () => {
  const { store, gate, opening } = await whileOpening();
  await pause();
  const closed: number[] = [];
  const closing = [1, 2].map((i) => store.close().then(() => closed.push(i)));
  await pause();
  expect(closed).toEqual([]);
  gate.open();
  await Promise.allSettled([opening, ...closing]);
  expect(closed).toEqual([1, 2]);
  await store.close();
});
