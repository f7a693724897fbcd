/** A player that has played and then stands for so long, while the stream is live, is led back to the live edge. */
const REJOIN_MS = 4000;

/** And if that did not help within so long, it is begun anew: longer than any player needs to fill its buffer again. */
const STUCK_MS = 10_000;

/** A player that has shown nothing yet may take longer, and so may one that was led back in time, where it should stay. */
const LONGEST_WAIT_MS = 30_000;

/** A protocol that was chosen by us and has shown nothing in this time does not come through, as WebSockets behind some proxies. */
const FRUITLESS_MS = 8000;

/**
 * @typedef {object} Sight how a player stands
 * @property {boolean} waits for media, although the stream is live
 * @property {boolean} isOnTrial whether it plays by a protocol of our choice that has shown nothing yet
 * @property {boolean} wasLive whether it has played, near the live edge
 *
 * @typedef {'rejoin' | 'renew' | null} Remedy going to the live edge, or another attempt
 */

/** Says when a player that does not come forward should be helped. */
export class Watchdog {
  /** Since when it waits. @type {number | null} */
  #sinceMs = null;
  /** Whether it was led back to the live edge since then. */
  #hasRejoined = false;

  /**
   * @param {Sight} sight
   * @param {number} nowMs of any clock that only rises
   * @returns {Remedy}
   */
  look({ waits, isOnTrial, wasLive }, nowMs) {
    if (!waits) {
      this.#rest();
      return null;
    }
    this.#sinceMs ??= nowMs;
    const waitedMs = nowMs - this.#sinceMs;
    if (waitedMs >= (isOnTrial ? FRUITLESS_MS : wasLive ? STUCK_MS : LONGEST_WAIT_MS)) {
      this.#rest();
      return 'renew';
    }
    if (!wasLive || this.#hasRejoined || waitedMs < REJOIN_MS) return null;
    this.#hasRejoined = true;
    return 'rejoin';
  }

  #rest() {
    this.#sinceMs = null;
    this.#hasRejoined = false;
  }
}
