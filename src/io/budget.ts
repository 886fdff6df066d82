/**
 * A budget for requests beyond those that were asked for (retries, hedges): ordinary ones earn a share of one, each extra one
 * costs one. So a storage in trouble gets a bounded share of load more, however many callers it has (a token bucket, as the
 * retry throttling of gRPC and of the AWS SDKs).
 */
export class Budget {
  readonly #capacity: number;
  readonly #share: number;
  #saved: number;

  /**
   * @param share Extra requests that one ordinary request earns.
   * @param capacity Extra requests that can be saved up.
   * @param saved Those to begin with.
   */
  constructor(share: number, capacity: number, saved: number) {
    this.#share = share;
    this.#capacity = capacity;
    this.#saved = saved;
  }

  earn(): void {
    this.#saved = Math.min(this.#capacity, this.#saved + this.#share);
  }

  /** Whether there was enough for one. */
  spend(): boolean {
    if (this.#saved < 1) return false;
    this.#saved--;
    return true;
  }
}
