/**
 * When keyframes come. Encoders for live streams keep to one interval, or nearly, and the rungs of a ladder to their source's. Pure.
 *
 * @typedef {{sinceMs: number, untilMs: number}} Around milliseconds since the last keyframe before a moment of the stream, and to the next
 */
export class Keyframes {
  /** @type {number | null} */
  #lastMs = null;
  /** @type {number | null} */
  #intervalMs = null;

  /** @param {number} mediaMs when a keyframe is shown, milliseconds of the stream */
  came(mediaMs) {
    if (this.#lastMs !== null && mediaMs > this.#lastMs) this.#intervalMs = mediaMs - this.#lastMs;
    this.#lastMs = mediaMs;
  }

  /**
   * @param {number} mediaMs milliseconds of the stream, no earlier than the last that came
   * @returns {Around | null} null before the second one
   */
  around(mediaMs) {
    if (this.#lastMs === null || this.#intervalMs === null) return null;
    const sinceMs = Math.max(0, mediaMs - this.#lastMs) % this.#intervalMs;
    return { sinceMs, untilMs: this.#intervalMs - sinceMs };
  }
}
