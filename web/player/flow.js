/**
 * How one connection keeps up with a live stream. A stream comes no faster than it is made, so what a line could bear shows only where media
 * waits for it: while that lasts, the line is never idle, and what arrives in a second is what it bears. Pure.
 */

/** A delay is measured against the least that was seen; clocks drift and ways change, so the least is forgotten at this rate. */
const FORGET = 0.005;

/** Media that comes later than the least delay by this much waits for the line: more than sound and network vary by themselves. */
export const LATE_MS = 100;

/** A hiccup of a radio or of this page is followed by a flood that ends with what is not late; so the least late of so long counts. */
const HICCUP_MS = 200;

/** Throughput is measured over so long. */
const WINDOW_MS = 1500;

/** The source is a fraction of a second old when it leaves the gateway; one that never came down to this has been late from the start. */
const NEAR_MS = 500;

export class Flow {
  #least = Infinity;
  #heardMs = 0;
  /** Of the last moments. @type {{at: number, age: number}[]} */
  #ages = [];
  #floorMs;
  /** @type {number | null} */
  #lateSinceMs = null;
  /** @type {{at: number, bytes: number}[]} */
  #arrivals = [];

  /** @param {boolean} isSource a rung is made from the source and may be older by any time that this takes */
  constructor(isSource) {
    this.#floorMs = isSource ? NEAR_MS : Infinity;
  }

  /** Milliseconds by which media is later than it should be. */
  get lateMs() {
    return this.#ages.length === 0 ? 0 : Math.min(...this.#ages.map(({ age }) => age)) - this.ordinaryMs;
  }

  /** How old media is when all is well. */
  get ordinaryMs() {
    const least = Math.min(this.#least, this.#floorMs);
    return Number.isFinite(least) ? least : 0;
  }

  /**
   * @param {number} nowMs
   * @returns {number} for how long media has been late, milliseconds
   */
  lateForMs(nowMs) {
    return this.#lateSinceMs === null ? 0 : nowMs - this.#lateSinceMs;
  }

  /**
   * @param {number} nowMs
   * @param {number} bytes
   * @param {number | null} ageMs how old the fragment is, null where that is not known or says nothing
   */
  arrived(nowMs, bytes, ageMs) {
    this.#arrivals.push({ at: nowMs, bytes });
    while ((this.#arrivals[0]?.at ?? nowMs) < nowMs - WINDOW_MS) this.#arrivals.shift();
    if (ageMs === null) return;
    this.#least = Math.min(ageMs, this.#least + (nowMs - this.#heardMs) * FORGET);
    this.#heardMs = nowMs;
    this.#ages = [...this.#ages.filter(({ at }) => at > nowMs - HICCUP_MS), { at: nowMs, age: ageMs }];
    if (this.lateMs < LATE_MS) this.#lateSinceMs = null;
    else this.#lateSinceMs ??= nowMs;
  }

  /** The delay was not the line's: from now on it is the ordinary one. */
  excuse() {
    this.#least = this.ordinaryMs + this.lateMs;
    this.#floorMs = Infinity;
    this.#lateSinceMs = null;
  }

  /**
   * What the line bore since media began to wait for it; says something only while media is late.
   *
   * @param {number} nowMs
   * @returns {number} bits per second
   */
  bitRate(nowMs) {
    // What came before was no more than there was to come.
    const fromMs = Math.max(nowMs - WINDOW_MS, (this.#lateSinceMs ?? -Infinity) - HICCUP_MS);
    const inWindow = this.#arrivals.filter(({ at }) => at >= fromMs);
    const first = inWindow[0];
    if (first === undefined) return 0;
    // The first message marks the beginning; its bytes came before. What comes together by a hiccup of ours has a moment at least.
    const bytes = inWindow.reduce((sum, arrival) => sum + arrival.bytes, -first.bytes);
    return (bytes * 8000) / Math.max(nowMs - first.at, 100);
  }
}
