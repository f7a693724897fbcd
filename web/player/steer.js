/**
 * Where the playhead should go: the policy that keeps a live player near the edge of what is buffered. Pure; {@link Chaser} applies it.
 *
 * @typedef {{start: number, end: number}} Range seconds
 *
 * @typedef {object} View what the player looks like now
 * @property {number} time the playhead, seconds
 * @property {readonly Range[]} ranges buffered, in order
 * @property {number} rate the playback rate
 * @property {boolean} stalled whether the browser has nothing more to show at the playhead
 * @property {number} targetS wanted distance to the edge, seconds
 * @property {number} jumpS distance to the edge beyond which to jump, seconds
 * @property {boolean} [mayWait] whether to play slower where the edge is too near
 *
 * @typedef {{seekTo: number | null, why: 'gap' | 'outside' | 'behind' | null, rate: number}} Steering
 */

/** Playing faster than this is heard in music. */
export const MAX_RATE = 1.1;

/** Slower than this is heard, too. */
export const MIN_RATE = 0.9;

/**
 * Where less than these shares of the target are left, a line does not bear what comes; playing slower gives it time to recover, and a player
 * to find another rendition. A browser stops long before the last picture, and goes on only with twice as much in hand: a stall costs more.
 */
const SHORT = [{ share: 0.55, rate: 0.75 }, { share: 0.7, rate: 0.85 }];

/** Who plays slower does so up to here, so that the rate does not flutter. */
const ENOUGH = 0.9;

/** Distance above the target at which catching up begins; it ends at the target, so that the rate does not flutter. */
const CATCH_UP_SLACK_S = 0.06;

/** Seconds of lateness that are worth the full extra rate. */
const FULL_RATE_AT_S = 0.6;

/** Nothing more than a frame or two is left before a gap. */
const GAP_REACHED_S = 0.06;

/** A browser may stop this far before a gap: it wants whole frames of every track. */
const GAP_STALLED_S = 0.5;

/** Lands inside a range despite rounding. */
const EDGE_S = 0.01;

/**
 * @param {View} view
 * @returns {Steering}
 */
export function steer(view) {
  const last = view.ranges.at(-1);
  if (last === undefined) return { seekTo: null, why: null, rate: 1 };
  const live = Math.max(last.start + EDGE_S, last.end - view.targetS);
  const here = view.ranges.find((range) => view.time >= range.start - EDGE_S && view.time <= range.end + EDGE_S);
  const next = view.ranges.find((range) => range.start > view.time + EDGE_S);

  if (here === undefined && next === undefined) {
    // Past everything. A hair past the end is just an empty buffer; further means that the timeline went back.
    return view.time - last.end > 1 ? jump(live, 'outside') : { seekTo: null, why: null, rate: 1 };
  }
  const lateness = last.end - view.time;
  if (lateness > view.jumpS) return jump(live, 'behind');
  if (here === undefined || (next !== undefined && here.end - view.time < (view.stalled ? GAP_STALLED_S : GAP_REACHED_S))) {
    return next === undefined ? { seekTo: null, why: null, rate: 1 } : jump(next.start + EDGE_S, 'gap');
  }
  if (view.mayWait === true && lateness < view.targetS) return { seekTo: null, why: null, rate: MIN_RATE };
  const short = SHORT.find(({ share }) => lateness < view.targetS * share);
  if (short !== undefined) return { seekTo: null, why: null, rate: short.rate };
  if (view.rate < 1 && lateness < view.targetS * ENOUGH) return { seekTo: null, why: null, rate: view.rate };
  return { seekTo: null, why: null, rate: catchUpRate(lateness - view.targetS, view.rate > 1) };
}

/**
 * @param {number} excessS seconds beyond the target
 * @param {boolean} catching whether catching up is under way
 */
export function catchUpRate(excessS, catching) {
  if (excessS <= (catching ? 0 : CATCH_UP_SLACK_S)) return 1;
  const extra = (MAX_RATE - 1) * Math.min(1, Math.max(0.3, excessS / FULL_RATE_AT_S));
  // Hundredths: each change of rate costs the audio renderer a moment.
  return 1 + Math.round(extra * 100) / 100;
}

/**
 * @param {number} seekTo
 * @param {'gap' | 'outside' | 'behind'} why
 * @returns {Steering}
 */
function jump(seekTo, why) {
  return { seekTo, why, rate: 1 };
}

/** A stall says that the distance was too short. It grows by so much, up to so much more, and after calm it shrinks again. */
const STALL_S = 0.1;
/** On a line that is hardly enough, keyframes take long. */
const THIN_S = 0.2;
const STALLS_MAX_S = 2;
const CALM_MS = 15_000;
const CALM_STEP_S = 0.05;

/** The wanted distance to the edge: grows with every stall, shrinks again while all is well. */
export class Target {
  #base;
  #value;
  #changedMs = 0;

  /** @param {number} baseS */
  constructor(baseS) {
    this.#base = baseS;
    this.#value = baseS;
  }

  /** @param {number} nowMs */
  stalled(nowMs) {
    this.#value = Math.min(this.#value + STALL_S, this.#base + STALLS_MAX_S);
    this.#changedMs = nowMs;
  }

  /** @param {number} nowMs */
  thinned(nowMs) {
    this.#value = Math.max(this.#value, this.#base + THIN_S);
    this.#changedMs = nowMs;
  }

  /**
   * @param {number} nowMs
   * @returns {number} seconds
   */
  value(nowMs) {
    if (this.#value > this.#base && nowMs - this.#changedMs >= CALM_MS) {
      this.#value = Math.max(this.#base, this.#value - CALM_STEP_S);
      this.#changedMs = nowMs;
    }
    return this.#value;
  }
}
