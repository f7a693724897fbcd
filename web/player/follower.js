/**
 * How players of parts stay near the live edge: the policy for those libraries that leave it to the page. Pure; `follow.js` applies it.
 *
 * Media comes part by part, so what lies ahead of the playhead goes up and down with each. What matters is how low it gets. The end of
 * the buffer against the clock tells how late media came, wherever the playhead was, and the latest of some seconds is the *low-water mark*:
 * a playhead that stays a reserve behind it has media to play unless some comes later still.
 *
 * @typedef {object} View what the player looks like now
 * @property {number} now a steady clock, seconds
 * @property {number} time the playhead, seconds
 * @property {number} end of what is buffered without a gap from there, seconds
 *
 * @typedef {{rate: number, seekTo: number | null}} Step
 */

/** What lies ahead of the playhead at the low-water mark, seconds: for what comes later than all that came before. */
export const RESERVE_S = 0.35;

/** A stall says that this was not enough. It grows by so much, up to so much more, and after calm it shrinks again. */
const STALL_S = 0.2;
const STALLS_MAX_S = 2;
const CALM_S = 60;
const CALM_STEP_S = 0.1;

/** Media that came late is remembered for so long: some keyframe groups. */
const MEMORY_S = 10;

/** The bounds of the playback rate: nobody hears them in speech, and hardly in music. */
export const MIN_RATE = 0.95;
export const MAX_RATE = 1.08;

/** Distances from the reserve at which it is worth another rate, and the least by which that differs: rates should not flutter. */
const LATE_S = 0.12;
const EARLY_S = 0.08;
const REACHED_S = 0.02;
const LEAST_STEP = 0.02;
/** Change of rate for each second of distance. */
const GAIN = 0.25;

/** Behind by more than this, jump. Who goes back so far, or pauses so long, wants to be there, and is left alone. */
const FAR_S = 3;

/** A viewer who went back has come forward again when a seek leads so far ahead. */
const FORWARD_S = 1;

/** Keeps a playhead at the reserve. */
export class Follower {
  #reserveS;
  #moreS = 0;
  #calmSince = 0;
  /** How far the buffer's end was ahead of the clock, and when. @type {{now: number, lead: number}[]} */
  #leads = [];
  /** Where the playhead was against the clock. @type {number | null} */
  #place = null;
  #isLeftAlone = false;
  #rate = 1;

  /** @param {number} [reserveS] */
  constructor(reserveS = RESERVE_S) {
    this.#reserveS = reserveS;
  }

  /** Seconds to have ahead at the low-water mark now. */
  get reserveS() {
    return this.#reserveS + this.#moreS;
  }

  /**
   * @param {View} view
   * @returns {Step}
   */
  look({ now, time, end }) {
    this.#leads = this.#leads.filter((lead) => now - lead.now < MEMORY_S);
    this.#leads.push({ now, lead: end - now });
    this.#place = time - now;
    this.#calm(now);
    if (this.#isLeftAlone) return this.#step(1);
    const low = Math.min(...this.#leads.map(({ lead }) => lead));
    const late = low - this.#place - this.reserveS;
    if (late > FAR_S) {
      this.#place += late;
      return { ...this.#step(1), seekTo: time + late };
    }
    return this.#step(this.#rateFor(late));
  }

  /**
   * The playhead was moved by somebody else, or had been paused. Before the first look such a move tells where the player begins.
   *
   * @param {number} now
   * @param {number} time
   */
  moved(now, time) {
    const place = time - now;
    const by = place - (this.#place ?? place);
    this.#place = place;
    if (by < -FAR_S) this.#isLeftAlone = true;
    else if (by > FORWARD_S) this.#isLeftAlone = false;
  }

  /**
   * What was buffered ran out though media was on its way.
   *
   * @param {number} now
   */
  stalled(now) {
    this.#moreS = Math.min(this.#moreS + STALL_S, STALLS_MAX_S);
    this.#calmSince = now;
  }

  /** Media was missing for good, or comes from elsewhere: what was late before says nothing any more. */
  forget() {
    this.#leads = [];
  }

  /** @param {number} now */
  #calm(now) {
    if (this.#moreS === 0 || now - this.#calmSince < CALM_S) return;
    this.#moreS = Math.max(0, this.#moreS - CALM_STEP_S);
    this.#calmSince = now;
  }

  /**
   * @param {number} late seconds behind the wanted place
   */
  #rateFor(late) {
    const isChanging = this.#rate > 1 ? late > REACHED_S : this.#rate < 1 ? late < -REACHED_S : late > LATE_S || late < -EARLY_S;
    if (!isChanging) return 1;
    const change = Math.sign(late) * Math.max(LEAST_STEP, Math.abs(late) * GAIN);
    // Hundredths: each change of rate costs the audio renderer a moment.
    return Math.round(Math.min(MAX_RATE, Math.max(MIN_RATE, 1 + change)) * 100) / 100;
  }

  /**
   * @param {number} rate
   * @returns {Step}
   */
  #step(rate) {
    this.#rate = rate;
    return { rate, seekTo: null };
  }
}
