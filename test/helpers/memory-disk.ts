/**
 * A disk in memory with two states: what a running system sees, and what a power cut leaves. Each system call changes the
 * first; the second follows when a file or a folder is synced, and until then each effect may be lost or kept by itself.
 * It is made of values that are never changed in place, so that copying a disk costs a map of references.
 *
 * What a power cut may leave (`Cut`), after POSIX and within what ext4 and xfs allow:
 *
 * - **Names.** A name given, taken away or replaced is durable once its folder was synced. Until then every subset of the
 *   changes of all folders may survive, in any order, but for two rules: the changes of one name survive in their order
 *   (a name is never both gone and back), and a rename is atomic (both names changed, or neither). A folder whose own
 *   name is lost takes with it what it holds, however well that was synced.
 * - **Bytes.** A file's bytes are durable once the file was synced, which does not make its name durable, nor the other
 *   way round: a name may survive whose file is empty, all zeros, or of which any set of 512-byte sectors is there, the
 *   others zeros or another file's old bytes. A sector is whole or absent.
 * - **A failed sync of a file** may have written anything or nothing; where the plan says so the unwritten bytes are
 *   forgotten, so that a later sync succeeds and writes nothing of them, though reads still show them (Linux, "fsyncgate").
 *
 * Not modelled: a lost name after a failed sync of its folder and a later one that succeeds (ext4 and xfs stop all
 * writing when their journal fails, which is the plan "fail on"), renames from one folder to another, damage to what was
 * durable, and times, owners and sizes apart from the bytes.
 */

export const SECTOR_BYTES = 512;
const ROOT = 0;
const NOTHING: Content = makeContent(new Uint8Array(0));

/** A file's bytes, never changed, and their hash once it was asked for. */
interface Content {
  readonly bytes: Uint8Array;
  hash: number;
}

interface Write {
  readonly start: number;
  readonly bytes: Uint8Array;
}

interface FileNode {
  readonly kind: "file";
  /** As reads show it. */
  readonly content: Content;
  readonly durable: Content;
  /** Since the last sync. */
  readonly writes: readonly Write[];
  readonly modifiedMs: number;
}

interface FolderNode {
  readonly kind: "folder";
  readonly names: ReadonlyMap<string, number>;
  readonly durable: ReadonlyMap<string, number>;
}

type Node = FileNode | FolderNode;

/** A change of names in one folder, not durable yet: one name, or both of a rename. `undefined`: taken away. */
interface NameChange {
  readonly folder: number;
  readonly names: readonly (readonly [name: string, node: number | undefined])[];
}

/** What becomes of one file's bytes that were not synced. */
export type Loss = "none" | "all" | "zeros" | { readonly kept: (sector: number) => boolean; readonly filler: number };

/** Which of the pending effects survive a power cut. */
export interface Cut {
  /** By the change's place in `pendingNames`. */
  readonly keepsName: (index: number) => boolean;
  /** By the file's place among those with unsynced bytes. */
  readonly loss: (index: number) => Loss;
}

/** A system call that is about to be made. */
export interface Call {
  readonly name: CallName;
  readonly path: string;
}

export type CallName = (typeof CHANGES)[number] | (typeof READS)[number];
/** Those that change what is seen or what is durable. */
export const CHANGES = ["mkdir", "create", "write", "sync", "syncFolder", "link", "rename", "unlink"] as const;
/** The others. `close` is among them: after it failed the descriptor is gone all the same. */
export const READS = ["open", "openFolder", "read", "stat", "readdir", "close"] as const;

/** How a call fails. */
export interface Failure {
  readonly code: string;
  /** How much of its effect it has all the same, by default nothing. Of a write, "some" is the first half. */
  readonly effect?: "none" | "some" | "all";
  /** Of a sync: the bytes that it did not write are forgotten. */
  readonly forgets?: boolean;
}

export function systemError(code: string, call: Call): NodeJS.ErrnoException {
  // Absent files are asked for all the time, and a stack would cost more than all else that is done about one.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  const error: NodeJS.ErrnoException = new Error(`${code}: ${call.name} '${call.path}'`);
  Error.stackTraceLimit = stackTraceLimit;
  error.code = code;
  error.syscall = call.name;
  error.path = call.path;
  return error;
}

export interface FileInfo {
  readonly isFolder: boolean;
  readonly size: number;
  readonly modifiedMs: number;
}

interface OpenFile {
  readonly node: number;
  readonly path: string;
}

export class MemoryDisk {
  /** Asked before each call: what it returns is how the call fails. */
  before: ((call: Call) => Failure | undefined) | undefined;
  /** Calls of a process: they end with it. */
  readonly #open = new Map<number, OpenFile>();
  #nodes: Map<number, Node>;
  #nameChanges: NameChange[];
  #nextNode: number;
  #nextFd = 3;

  private constructor(nodes: Map<number, Node>, nameChanges: NameChange[], nextNode: number) {
    this.#nodes = nodes;
    this.#nameChanges = nameChanges;
    this.#nextNode = nextNode;
  }

  static empty(): MemoryDisk {
    const root: FolderNode = { kind: "folder", names: new Map(), durable: new Map() };
    return new MemoryDisk(new Map([[ROOT, root]]), [], ROOT + 1);
  }

  /** The same disk as another process finds it: what was not synced is still pending. */
  fork(): MemoryDisk {
    return new MemoryDisk(new Map(this.#nodes), [...this.#nameChanges], this.#nextNode);
  }

  get openFiles(): number {
    return this.#open.size;
  }

  /** Changes of names that a power cut may lose. */
  get pendingNames(): number {
    return this.#nameChanges.length;
  }

  /** Files whose bytes a power cut may lose. */
  get pendingFiles(): number {
    let count = 0;
    for (const node of this.#nodes.values()) if (node.kind === "file" && node.writes.length > 0) count++;
    return count;
  }

  /** The disk after a power cut: what is seen is durable. */
  cut({ keepsName, loss }: Cut): MemoryDisk {
    const folders = new Map<number, Map<string, number>>();
    for (const [id, node] of this.#nodes) if (node.kind === "folder") folders.set(id, new Map(node.durable));
    const lost = new Set<string>();
    this.#nameChanges.forEach(({ folder, names }, index) => {
      const follows = lost.size > 0 && names.some(([name]) => lost.has(`${folder}/${name}`));
      if (follows || !keepsName(index)) for (const [name] of names) lost.add(`${folder}/${name}`);
      else apply(folders.get(folder)!, names);
    });
    const nodes = new Map<number, Node>();
    const losses = new Map<number, Loss>();
    let unsynced = 0;
    for (const [id, node] of this.#nodes) {
      if (node.kind === "file" && node.writes.length > 0) losses.set(id, loss(unsynced++));
    }
    const keep = (id: number): void => {
      if (nodes.has(id)) return;
      const node = this.#nodes.get(id)!;
      if (node.kind === "file") {
        const content = node.writes.length === 0 ? node.durable : afterLoss(node, losses.get(id)!);
        nodes.set(id, { kind: "file", content, durable: content, writes: [], modifiedMs: node.modifiedMs });
        return;
      }
      const names = folders.get(id)!;
      nodes.set(id, { kind: "folder", names, durable: names });
      for (const child of names.values()) keep(child);
    };
    keep(ROOT);
    return new MemoryDisk(nodes, [], this.#nextNode);
  }

  /** A hash of every path and its bytes as they are seen, but for names that begin with `ignored`. */
  treeHash(ignored?: string): string {
    return this.#hash(
      (folder) => folder.names,
      (file) => file.content,
      ignored,
    );
  }

  /** A hash of what is seen and of what is durable. */
  fullHash(ignored?: string): string {
    if (this.#nameChanges.length === 0 && this.pendingFiles === 0) return this.treeHash(ignored);
    return `${this.treeHash(ignored)} ${this.#hash(
      (folder) => folder.durable,
      (file) => file.durable,
      ignored,
    )}`;
  }

  #hash(
    namesOf: (folder: FolderNode) => ReadonlyMap<string, number>,
    contentOf: (file: FileNode) => Content,
    ignored?: string,
  ): string {
    /** The sum over its names, whatever their order, with two salts. */
    const sum = (id: number): readonly [number, number] => {
      const node = this.#nodes.get(id)!;
      if (node.kind === "file") {
        const hash = hashOf(contentOf(node));
        return [mix(hash, 1), mix(hash, 2)];
      }
      let first = 1;
      let second = 1;
      for (const [name, child] of namesOf(node)) {
        if (ignored !== undefined && name.startsWith(ignored)) continue;
        const hash = hashOfName(name);
        const [a, b] = sum(child);
        first = (first + mix(hash, a)) | 0;
        second = (second + mix(hash, b)) | 0;
      }
      return [mix(first, 1), mix(second, 2)];
    };
    const [first, second] = sum(ROOT);
    return `${(first >>> 0).toString(36)}.${(second >>> 0).toString(36)}`;
  }

  // System calls. Each asks `before` first.

  mkdir(path: string): void {
    const call: Call = { name: "mkdir", path };
    this.#run(call, () => {
      const { folder, name } = this.#parent(call);
      if (this.#folder(folder, call).names.has(name)) throw systemError("EEXIST", call);
      const empty = new Map<string, number>();
      this.#changeNames(folder, [[name, this.#add({ kind: "folder", names: empty, durable: empty })]]);
    });
  }

  /** `create`: a new file, which must not exist. Otherwise one that is there, or a folder, to be read or synced. */
  open(path: string, create: boolean): number {
    if (create) {
      const call: Call = { name: "create", path };
      return this.#run(call, () => {
        const { folder, name } = this.#parent(call);
        if (this.#folder(folder, call).names.has(name)) throw systemError("EEXIST", call);
        const file: FileNode = { kind: "file", content: NOTHING, durable: NOTHING, writes: [], modifiedMs: Date.now() };
        const node = this.#add(file);
        this.#changeNames(folder, [[name, node]]);
        return this.#descriptor(node, path);
      });
    }
    const found = this.#walk(path);
    const isFolder = typeof found === "number" && this.#nodes.get(found)!.kind === "folder";
    const call: Call = { name: isFolder ? "openFolder" : "open", path };
    return this.#run(call, () => {
      if (typeof found === "string") throw systemError(found, call);
      return this.#descriptor(found, path);
    });
  }

  close(fd: number): void {
    const { path } = this.#file(fd);
    this.#open.delete(fd);
    this.#run({ name: "close", path }, () => undefined);
  }

  stat(target: string | number): FileInfo {
    const path = typeof target === "string" ? target : this.#file(target).path;
    const call: Call = { name: "stat", path };
    return this.#run(call, () => {
      const node = typeof target === "string" ? this.#node(path, call) : this.#nodes.get(this.#file(target).node)!;
      if (node.kind === "folder") return { isFolder: true, size: 0, modifiedMs: 0 };
      return { isFolder: false, size: node.content.bytes.length, modifiedMs: node.modifiedMs };
    });
  }

  /** Reads into `target` from `start` of the file; gives the number of bytes. */
  read(fd: number, target: Uint8Array, start: number): number {
    const { node: id, path } = this.#file(fd);
    const call: Call = { name: "read", path };
    return this.#run(call, () => {
      const node = this.#nodes.get(id)!;
      if (node.kind === "folder") throw systemError("EISDIR", call);
      const bytes = node.content.bytes.subarray(start, start + target.length);
      target.set(bytes);
      return bytes.length;
    });
  }

  readdir(path: string): { name: string; isFolder: boolean }[] {
    const call: Call = { name: "readdir", path };
    return this.#run(call, () => {
      const node = this.#node(path, call);
      if (node.kind === "file") throw systemError("ENOTDIR", call);
      return [...node.names].map(([name, id]) => ({ name, isFolder: this.#nodes.get(id)!.kind === "folder" }));
    });
  }

  /** Writes at the end of the file. */
  append(fd: number, bytes: Uint8Array): void {
    const { node: id, path } = this.#file(fd);
    const write = (part: Uint8Array) => {
      const node = this.#nodes.get(id) as FileNode;
      const added: Write = { start: node.content.bytes.length, bytes: new Uint8Array(part) };
      const content = makeContent(afterWrites(node.content.bytes, [added]));
      this.#nodes.set(id, { ...node, content, writes: [...node.writes, added], modifiedMs: Date.now() });
    };
    this.#run(
      { name: "write", path },
      () => write(bytes),
      () => write(bytes.subarray(0, bytes.length >> 1)),
    );
  }

  sync(fd: number): void {
    const { node: id, path } = this.#file(fd);
    const node = this.#nodes.get(id)!;
    if (node.kind === "folder") {
      this.#run({ name: "syncFolder", path }, () => {
        this.#nodes.set(id, {
          ...(this.#nodes.get(id) as FolderNode),
          durable: (this.#nodes.get(id) as FolderNode).names,
        });
        this.#nameChanges = this.#nameChanges.filter(({ folder }) => folder !== id);
      });
      return;
    }
    const persist = (writes: readonly Write[], left: readonly Write[]) => {
      const bytes = afterWrites(node.durable.bytes, writes);
      const durable = bytes === node.content.bytes ? node.content : makeContent(bytes);
      this.#nodes.set(id, { ...node, durable, writes: left });
    };
    const { writes } = node;
    const half =
      writes.length > 0 ? [{ ...writes[0], bytes: writes[0].bytes.subarray(0, halfOf(writes[0].bytes)) }] : [];
    this.#run(
      { name: "sync", path },
      () => persist(writes, []),
      () => persist(half, writes),
      () => this.#nodes.set(id, { ...(this.#nodes.get(id) as FileNode), writes: [] }),
    );
  }

  link(from: string, to: string): void {
    const call: Call = { name: "link", path: to };
    this.#run(call, () => {
      const source = this.#find(from);
      if (source === undefined) throw systemError("ENOENT", call);
      const { folder, name } = this.#parent(call);
      if (this.#folder(folder, call).names.has(name)) throw systemError("EEXIST", call);
      this.#changeNames(folder, [[name, source]]);
    });
  }

  rename(from: string, to: string): void {
    const call: Call = { name: "rename", path: to };
    this.#run(call, () => {
      const old = this.#parent({ name: "rename", path: from });
      const node = this.#folder(old.folder, call).names.get(old.name);
      if (node === undefined) throw systemError("ENOENT", call);
      const { folder, name } = this.#parent(call);
      if (folder !== old.folder) throw systemError("EXDEV", call);
      const replaced = this.#folder(folder, call).names.get(name);
      if (replaced !== undefined && this.#nodes.get(replaced)!.kind === "folder") throw systemError("EISDIR", call);
      this.#changeNames(folder, [
        [old.name, undefined],
        [name, node],
      ]);
    });
  }

  unlink(path: string): void {
    const call: Call = { name: "unlink", path };
    this.#run(call, () => {
      if (this.#node(path, call).kind === "folder") throw systemError("EISDIR", call);
      const { folder, name } = this.#parent(call);
      this.#changeNames(folder, [[name, undefined]]);
    });
  }

  #run<T>(call: Call, effect: () => T, some?: () => void, forget?: () => void): T {
    const failure = this.before?.(call);
    if (failure === undefined) return effect();
    if (failure.effect === "all") effect();
    if (failure.effect === "some") some?.();
    if (failure.forgets) forget?.();
    throw systemError(failure.code, call);
  }

  #add(node: Node): number {
    this.#nodes.set(this.#nextNode, node);
    return this.#nextNode++;
  }

  #changeNames(folder: number, names: NameChange["names"]): void {
    const node = this.#nodes.get(folder) as FolderNode;
    const changed = new Map(node.names);
    apply(changed, names);
    this.#nodes.set(folder, { ...node, names: changed });
    this.#nameChanges.push({ folder, names });
  }

  #descriptor(node: number, path: string): number {
    this.#open.set(this.#nextFd, { node, path });
    return this.#nextFd++;
  }

  #file(fd: number): OpenFile {
    const found = this.#open.get(fd);
    if (found === undefined) throw systemError("EBADF", { name: "stat", path: `descriptor ${fd}` });
    return found;
  }

  /** `undefined` where a part of the path is missing or no folder. */
  #find(path: string): number | undefined {
    const found = this.#walk(path);
    return typeof found === "number" ? found : undefined;
  }

  #walk(path: string): number | "ENOENT" | "ENOTDIR" {
    let at = ROOT;
    for (const name of namesIn(path)) {
      const node = this.#nodes.get(at)!;
      if (node.kind === "file") return "ENOTDIR";
      const next = node.names.get(name);
      if (next === undefined) return "ENOENT";
      at = next;
    }
    return at;
  }

  #node(path: string, call: Call): Node {
    const found = this.#walk(path);
    if (typeof found === "string") throw systemError(found, call);
    return this.#nodes.get(found)!;
  }

  #parent(call: Call): { folder: number; name: string } {
    const slash = call.path.lastIndexOf("/");
    const folder = this.#walk(call.path.slice(0, slash));
    if (typeof folder === "string") throw systemError(folder, call);
    if (this.#nodes.get(folder)!.kind === "file") throw systemError("ENOTDIR", call);
    return { folder, name: call.path.slice(slash + 1) };
  }

  #folder(id: number, call: Call): FolderNode {
    const node = this.#nodes.get(id)!;
    if (node.kind === "file") throw systemError("ENOTDIR", call);
    return node;
  }
}

function apply(folder: Map<string, number>, names: NameChange["names"]): void {
  for (const [name, node] of names) {
    if (node === undefined) folder.delete(name);
    else folder.set(name, node);
  }
}

function makeContent(bytes: Uint8Array): Content {
  return { bytes, hash: -1 };
}

function hashOf(content: Content): number {
  if (content.hash === -1) content.hash = hashOfBytes(content.bytes) >>> 0;
  return content.hash;
}

/** For counting states, not for checking bytes. */
function hashOfBytes({ buffer, byteOffset, length }: Uint8Array): number {
  const words = new Int32Array(buffer, byteOffset, length >> 2);
  let hash = length;
  for (const word of words) hash = Math.imul(hash ^ word, 0x5bd1e995) ^ (hash >>> 15);
  for (const byte of new Uint8Array(buffer, byteOffset + (length & ~3), length & 3)) hash = mix(hash, byte);
  return mix(hash, length);
}

/** What is remembered of names and paths: the same few are asked for again and again. */
const MAX_REMEMBERED = 100_000;
const paths = new Map<string, readonly string[]>();

/** The names on the way to an absolute path. */
function namesIn(path: string): readonly string[] {
  let names = paths.get(path);
  if (names !== undefined) return names;
  names = path.split("/").filter((name) => name !== "");
  if (paths.size > MAX_REMEMBERED) paths.clear();
  paths.set(path, names);
  return names;
}

const nameHashes = new Map<string, number>();

function hashOfName(name: string): number {
  let hash = nameHashes.get(name);
  if (hash !== undefined) return hash;
  hash = name.length;
  for (let i = 0; i < name.length; i++) hash = mix(hash, name.charCodeAt(i));
  if (nameHashes.size > MAX_REMEMBERED) nameHashes.clear();
  nameHashes.set(name, hash);
  return hash;
}

function mix(a: number, b: number): number {
  let z = Math.imul(a ^ (a >>> 15) ^ b, 0x2c1b3c6d);
  z = Math.imul(z ^ (z >>> 12) ^ (b << 5), 0x297a2d39);
  return z ^ (z >>> 15);
}

/** Half of the bytes, in whole sectors. */
function halfOf(bytes: Uint8Array): number {
  return Math.floor(bytes.length / SECTOR_BYTES / 2) * SECTOR_BYTES;
}

function afterWrites(bytes: Uint8Array, writes: readonly Write[]): Uint8Array {
  if (bytes.length === 0 && writes.length === 1 && writes[0].start === 0) return writes[0].bytes;
  const length = writes.reduce((most, write) => Math.max(most, write.start + write.bytes.length), bytes.length);
  const result = new Uint8Array(length);
  result.set(bytes);
  for (const write of writes) result.set(write.bytes, write.start);
  return result;
}

function afterLoss({ durable, writes }: FileNode, loss: Loss): Content {
  if (loss === "all") return durable;
  const written = afterWrites(durable.bytes, writes);
  if (loss === "none") return makeContent(written);
  const left = new Uint8Array(written.length);
  left.set(durable.bytes);
  if (loss === "zeros") return makeContent(left);
  for (let sector = 0; sector * SECTOR_BYTES < written.length; sector++) {
    const start = sector * SECTOR_BYTES;
    const end = Math.min(start + SECTOR_BYTES, written.length);
    if (loss.kept(sector)) left.set(written.subarray(start, end), start);
    else if (start >= durable.bytes.length) left.fill(loss.filler, start, end);
  }
  return makeContent(left);
}
