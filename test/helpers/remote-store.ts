/** An object store that one waits for, as any over a network: a test holds its answers back, damages them, or loses them. */
import type { CallOptions, RangeOptions } from "../../src/io/object-store.js";
import { StoreWrapper } from "../../src/io/store-wrapper.js";

type Bytes = Uint8Array | undefined;

export class RemoteStore extends StoreWrapper {
  /** Keys of all GETs, of whole objects and of parts. */
  readonly gets: string[] = [];
  /** Called once a put-if-absent is applied, before its answer is given. */
  onPut: (key: string) => unknown = () => undefined;
  /** Called once a GET, of all or of a part, has its bytes, before they are given: it may change them, which are nobody else's. */
  onGet: (key: string, bytes: Bytes, options: RangeOptions) => unknown = () => undefined;
  /** Called before the storage is asked whether it takes writes. */
  onCheck: () => unknown = () => undefined;

  /** Nothing is read in place. */
  override get sync(): undefined {
    return undefined;
  }

  override async putIfAbsent(key: string, bytes: Uint8Array, options?: CallOptions): Promise<"created" | "exists"> {
    const answer = await this.inner.putIfAbsent(key, bytes, options);
    await this.onPut(key);
    return answer;
  }

  override async get(key: string, options: CallOptions = {}): Promise<Bytes> {
    return await this.#given(key, await this.inner.get(key, options), options);
  }

  override async getRange(key: string, start: number, length: number, options: RangeOptions = {}): Promise<Bytes> {
    return await this.#given(key, await this.inner.getRange(key, start, length, options), options);
  }

  override async checkWritable(options?: CallOptions): Promise<void> {
    await this.onCheck();
    await this.inner.checkWritable(options);
  }

  async #given(key: string, bytes: Bytes, options: RangeOptions): Promise<Bytes> {
    this.gets.push(key);
    await this.onGet(key, bytes, options);
    return bytes;
  }
}
