/**
 * How far behind the live moment a player is: the server's clock, and the arithmetic over it.
 *
 * @typedef {object} WallClock one moment of the stream on two clocks
 * @property {number} media_ms on the stream's own timeline
 * @property {number} unix_ms on the server's clock, when that media time was received
 */

/** Exchanges remembered; the one with the shortest round trip is believed. */
const SAMPLES = 8;

/** Estimates the offset of the server's clock from ours by timed exchanges, as NTP does. */
export class ServerClock {
  /** @type {{offset: number, roundTrip: number}[]} */
  #samples = [];

  /**
   * @param {number} serverMs the server's clock as it answered
   * @param {number} sentMs our clock when the request left
   * @param {number} receivedMs our clock when the answer came
   */
  sample(serverMs, sentMs, receivedMs) {
    if (!Number.isFinite(serverMs) || receivedMs < sentMs) return;
    this.#samples.push({ offset: serverMs - (sentMs + receivedMs) / 2, roundTrip: receivedMs - sentMs });
    if (this.#samples.length > SAMPLES) this.#samples.shift();
  }

  /** Milliseconds to add to our clock to have the server's; null before the first exchange. */
  get offsetMs() {
    const best = this.#samples.reduce(
      (/** @type {{offset: number, roundTrip: number} | null} */ a, b) => (a !== null && a.roundTrip <= b.roundTrip ? a : b),
      null,
    );
    return best === null ? null : best.offset;
  }

  /**
   * @param {number} [localMs]
   * @returns {number | null} Unix milliseconds on the server's clock
   */
  now(localMs = Date.now()) {
    const offset = this.offsetMs;
    return offset === null ? null : localMs + offset;
  }
}

/**
 * Latency from the moment the server received a picture to the moment it is shown.
 *
 * @param {number | null} nowMs the server's clock now
 * @param {WallClock | null | undefined} wallClock
 * @param {number | null} mediaMs the stream's timeline at the playhead
 * @returns {number | null} milliseconds, never negative; null when something is not known
 */
export function latencyMs(nowMs, wallClock, mediaMs) {
  if (nowMs === null || mediaMs === null || wallClock === null || wallClock === undefined) return null;
  const receivedMs = wallClock.unix_ms + (mediaMs - wallClock.media_ms);
  const latency = nowMs - receivedMs;
  return Number.isFinite(latency) ? Math.max(0, latency) : null;
}
