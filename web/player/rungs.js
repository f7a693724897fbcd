/**
 * Which rendition a viewer gets who leaves that to us: down quickly, up carefully. Pure.
 *
 * Down: when media has been late for DOWN_AFTER_MS, and the line bears less than the rendition needs, to the best one that it bears with
 * HEADROOM to spare. A hiccup of a radio or of this page is followed by a flood and passes both tests; only a line that is too slow fails them.
 * That shows before what is buffered has been played, but the way down leads over a keyframe of the lower one, and all that came after it has
 * to come over the same line before the picture goes on. So it is taken at once where the last keyframe is near enough, and otherwise with
 * the next one; what plays comes on until then, and is played slower. Where the line recovers in the meantime, nothing has happened.
 *
 * Up: to the next better one, after a time of calm, and not by a guess. The better one comes beside the present one for a whole group of
 * pictures, over the same line. Only when neither is late in all that time, the player goes over: a line that bore both bears the better one.
 * Each attempt that fails, be it at once or within PROOF_MS, doubles the calm before the next one.
 *
 * @typedef {{id: string | null, bitRate: number, isMade?: boolean}} Picture one rendition, null for the one that the server takes by itself; bits
 * per second of all that comes with it; whether the server makes it, so that it comes later than its source
 */

/** Less is a jolt, which the buffer bears or the picture waits for. */
const DOWN_AFTER_MS = 150;

/** Encoders are uneven, and others use the line, too. */
const HEADROOM = 1.25;

/** Media that is so much behind the server's is behind for the line's sake. */
const BEHIND_MS = 80;

/** A wait for the next keyframe costs so much of what does not come in time: the rest is hidden by slower play. */
const SHOWN = 0.5;

/** A new connection is open by the next keyframe if that comes no sooner than the first of these, and is opened no earlier than the other. */
const OPEN_MIN_MS = 250;
const OPEN_MAX_MS = 600;

/** So much more is borne to go over now, milliseconds: the line may get worse, and nobody sees the difference. */
const WORTH_MS = 120;

/** For so long after a decision what came before it is still on the line, and tells nothing new. */
const DECIDED_MS = 3000;

const CALM_MIN_MS = 8000;
const CALM_MAX_MS = 128_000;

/** Who went up and down again within this time had better have stayed. */
const PROOF_MS = 20_000;

/** A trial is given up when either connection is so late: well before the present picture stops. */
const TRIAL_LATE_MS = 150;

/** A trial that has not come to a second sync sample in this time has other troubles. */
const TRIAL_MAX_MS = 30_000;

export class Rungs {
  /** The best first. @type {Picture[]} */
  #pictures = [];
  #current = 0;
  #calmMs = CALM_MIN_MS;
  #calmSinceMs = 0;
  #decidedMs = -Infinity;
  /** When the last climb was. @type {number | null} */
  #climbedMs = null;

  /** The rendition to play. */
  get current() {
    return this.#pictures[this.#current]?.id ?? null;
  }

  /** Whether the server makes those that are lower. */
  get areMade() {
    return this.#pictures.slice(this.#current + 1).some(({ isMade }) => isMade);
  }

  /** @param {Picture[]} pictures the best first, by their looks: bit rates make no order, as a still scene needs little of any */
  set pictures(pictures) {
    const current = this.current;
    this.#pictures = pictures;
    this.#find(current);
  }

  /** Back to what the server takes: the rung is gone, or another stream begins. */
  reset() {
    this.#find(null);
    this.#climbedMs = null;
  }

  /**
   * Whether something may be amiss, so that the server should be asked how far it is.
   *
   * @param {number} nowMs
   * @param {import('./flow.js').Flow} flow
   */
  doubts(nowMs, flow) {
    const current = this.#pictures[this.#current];
    if (current === undefined || this.#current === this.#pictures.length - 1 || nowMs - this.#decidedMs < DECIDED_MS) return false;
    return flow.lateForMs(nowMs) >= DOWN_AFTER_MS && flow.bitRate(nowMs) < current.bitRate * HEADROOM;
  }

  /**
   * The server has told how far it is.
   *
   * @param {number} nowMs
   * @param {import('./flow.js').Flow} flow
   * @param {number} behindMs of what has come, beyond what is ordinary for the rendition
   * @returns {boolean} whether the delay is the line's, so that another should play
   */
  blames(nowMs, flow, behindMs) {
    this.#calmSinceMs = nowMs;
    if (behindMs >= BEHIND_MS) return true;
    this.#decidedMs = nowMs;
    flow.excuse();
    return false;
  }

  /**
   * Whether this is a good moment to go down: over the newest keyframe, or over the next one, for which a connection is to be open by then.
   *
   * @param {number} nowMs
   * @param {import('./flow.js').Flow} flow
   * @param {import('./keyframes.js').Around | null} keyframes of what the server has; null where nobody knows
   * @returns {'newest' | 'next' | null} null while it is better to wait
   */
  moment(nowMs, flow, keyframes) {
    const current = this.#pictures[this.#current];
    const lower = this.#pictures[this.#lower(flow.bitRate(nowMs))];
    if (keyframes === null || current === undefined || lower === undefined) return 'newest';
    const borne = Math.max(1, flow.bitRate(nowMs));
    const toFetchMs = (keyframes.sinceMs * lower.bitRate) / borne;
    const missingMs = keyframes.untilMs * Math.max(0, 1 - borne / current.bitRate);
    if (toFetchMs <= missingMs * SHOWN + WORTH_MS) return 'newest';
    return keyframes.untilMs >= OPEN_MIN_MS && keyframes.untilMs <= OPEN_MAX_MS ? 'next' : null;
  }

  /**
   * Goes down to what the line bears.
   *
   * @param {number} nowMs
   * @param {import('./flow.js').Flow} flow
   * @returns {boolean} whether there is anything lower
   */
  down(nowMs, flow) {
    this.#calmSinceMs = this.#decidedMs = nowMs;
    if (this.#current >= this.#pictures.length - 1) return false;
    this.#current = this.#lower(flow.bitRate(nowMs));
    if (this.#climbedMs !== null && nowMs - this.#climbedMs < PROOF_MS) this.#failed();
    this.#climbedMs = null;
    return true;
  }

  /**
   * @param {number} nowMs
   * @param {import('./flow.js').Flow} flow
   * @returns {Picture | null} the rendition to try now
   */
  toTry(nowMs, flow) {
    if (flow.lateForMs(nowMs) > 0) this.#calmSinceMs = nowMs;
    if (this.#climbedMs !== null && nowMs - this.#climbedMs >= PROOF_MS) {
      this.#climbedMs = null;
      this.#calmMs = CALM_MIN_MS;
    }
    return this.#current > 0 && nowMs - this.#calmSinceMs >= this.#calmMs ? (this.#pictures[this.#current - 1] ?? null) : null;
  }

  /**
   * Judges the trial of a better one.
   *
   * @param {number} forMs how long it has lasted
   * @param {number} syncs of the better one that have come
   * @param {import('./flow.js').Flow} present
   * @param {import('./flow.js').Flow} better
   * @returns {boolean | null} null while it must go on
   */
  judge(forMs, syncs, present, better) {
    if (present.lateMs > TRIAL_LATE_MS || forMs > TRIAL_MAX_MS) return false;
    // Its first picture is large and may be late; by the second one a whole group has come.
    if (syncs < 2) return null;
    return better.lateMs <= TRIAL_LATE_MS;
  }

  /**
   * The trial is over.
   *
   * @param {number} nowMs
   * @param {boolean} passed
   */
  tried(nowMs, passed) {
    this.#calmSinceMs = nowMs;
    if (!passed) {
      this.#failed();
      return;
    }
    this.#current = Math.max(0, this.#current - 1);
    this.#climbedMs = nowMs;
  }

  /** @param {string | null} wanted */
  #find(wanted) {
    const at = (/** @type {string | null} */ picture) => this.#pictures.findIndex(({ id }) => id === picture);
    this.#current = Math.max(0, at(wanted) === -1 ? at(null) : at(wanted));
  }

  /**
   * The best one below the present one that a line bears, else the lowest.
   *
   * @param {number} borne bits per second
   */
  #lower(borne) {
    const lower = this.#pictures.findIndex(({ bitRate }, at) => at > this.#current && bitRate * HEADROOM <= borne);
    return lower === -1 ? this.#pictures.length - 1 : lower;
  }

  #failed() {
    this.#calmMs = Math.min(this.#calmMs * 2, CALM_MAX_MS);
  }
}
