import { Connection } from './connection.js';
import { Flow } from './flow.js';
import { Seam } from './seam.js';

/**
 * Why another rendition is to play:
 * - `wish`: a viewer wants it; it begins where it can without an interruption
 * - `trial`: it may be better; it begins if the line bears it beside the present one
 * - `rescue`: the present one comes too slowly or not at all; it begins as soon as possible
 *
 * @typedef {'wish' | 'trial' | 'rescue'} Reason
 */

/** A wish is forced after this time: no sync sample came, or the rendition is far behind. */
const MAX_MS = 20_000;

/** A keyframe that was to come by then, and has not, came before the connection was open. */
const MISSED_MS = 500;

/** Another rendition on its way, beside the one that plays. */
export class Change {
  /** @type {Reason} */
  reason;
  connection;
  flow;
  seam = new Seam();
  #beganMs = performance.now();
  #dueMs;

  /**
   * @param {string} url
   * @param {Reason} reason
   * @param {boolean} isSource
   * @param {import('./connection.js').Listener} listener
   * @param {number | null} [untilMs] to the keyframe with which a rescue begins; null for the newest that there is
   */
  constructor(url, reason, isSource, listener, untilMs = null) {
    this.reason = reason;
    this.flow = new Flow(isSource);
    this.#dueMs = untilMs === null ? null : this.#beganMs + untilMs + MISSED_MS;
    // Who is in a hurry begins with the newest group of pictures; all others go over at the next one, and need none of this.
    this.connection = new Connection(url, listener, reason === 'rescue' && untilMs === null);
  }

  /** How long it has been under way, milliseconds. */
  get forMs() {
    return performance.now() - this.#beganMs;
  }

  /** Whether the keyframe with which it was to begin has gone by. */
  get hasMissed() {
    return this.#dueMs !== null && !this.connection.hasBegun && performance.now() > this.#dueMs;
  }

  get isOverdue() {
    return this.reason !== 'trial' && this.forMs > MAX_MS;
  }

  /**
   * @param {number} playheadS seconds of the stream
   * @returns {import('./seam.js').Splice | null} what to append from now on; null while it is too early
   */
  take(playheadS) {
    return this.seam.take(playheadS) ?? (this.reason === 'rescue' ? this.seam.takeAll() : null);
  }

  close() {
    this.connection.close();
  }
}
