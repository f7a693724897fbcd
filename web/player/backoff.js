/** Waiting times between attempts: doubling, with jitter, so that viewers cut off together do not all come back in one moment. */
export class Backoff {
  #firstMs;
  #maxMs;
  #nextMs;
  #random;

  /**
   * @param {number} firstMs
   * @param {number} maxMs
   * @param {() => number} [random] in [0, 1)
   */
  constructor(firstMs, maxMs, random = Math.random) {
    this.#firstMs = firstMs;
    this.#maxMs = maxMs;
    this.#nextMs = firstMs;
    this.#random = random;
  }

  /**
   * @param {number} [atLeastMs]
   * @returns {number} milliseconds to wait before the next attempt
   */
  next(atLeastMs = 0) {
    const wait = Math.max(this.#nextMs, atLeastMs);
    this.#nextMs = Math.min(this.#nextMs * 2, this.#maxMs);
    return wait * (0.75 + this.#random() * 0.5);
  }

  /** All is well again. */
  reset() {
    this.#nextMs = this.#firstMs;
  }
}
