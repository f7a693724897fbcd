import { steer, Target } from './steer.js';

const TICK_MS = 100;

/** Further behind than this, jump instead of playing faster. */
const JUMP_BEHIND_S = 3;

/** A joiner gets the newest group of pictures at once; within this time of the first data it jumps to its end. */
const SETTLE_MS = 1500;
const SETTLE_JUMP_S = 0.4;

/** Between two seeks the decoder needs time to show something. */
const SEEK_SPACING_MS = 500;

/** A stall this short is jitter, which a deeper buffer would have hidden; a longer one is an outage, which it would not. */
const JITTER_MAX_MS = 1500;

/** Enough to go on with. */
const FOUND_S = 0.1;

/** Keeps a video element near the live edge of its buffer: starts it, crosses gaps, catches up. */
export class Chaser {
  #video;
  #target;
  #stop = new AbortController();
  #timer;
  /** When the first data came. @type {number | null} */
  #firstMs = null;
  #lastSeekMs = -Infinity;
  #played = false;
  /** When the present stall began. @type {number | null} */
  #stalledMs = null;
  #seeks = 0;
  /** What the edge is about to step back by, seconds. */
  #leanS = 0;
  /** Whether what was at the playhead has been taken away. */
  #isLost = false;

  /**
   * @param {HTMLVideoElement} video
   * @param {number} targetS wanted distance to the edge
   */
  constructor(video, targetS) {
    this.#video = video;
    this.#target = new Target(targetS);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    const { signal } = this.#stop;
    video.addEventListener('playing', () => this.#playing(), { signal });
    video.addEventListener('waiting', () => this.#waiting(), { signal });
    video.addEventListener('play', () => this.#tick(), { signal });
    // Timers of a hidden page run late; look at once when it comes back.
    document.addEventListener('visibilitychange', () => this.#tick(), { signal });
  }

  /** How often the playhead was moved. */
  get seeks() {
    return this.#seeks;
  }

  /** The source was replaced: settle again. */
  restart() {
    this.#firstMs = null;
    this.#played = false;
    this.#stalledMs = null;
    this.#lastSeekMs = -Infinity;
    this.#isLost = false;
  }

  /**
   * Stays so much further away, and plays slower until it is: what will come is later by so much than what comes now.
   *
   * @param {number} seconds 0 when that is over
   */
  lean(seconds) {
    this.#leanS = seconds;
  }

  /**
   * Another rendition has come in a hurry, with its newest group of pictures: jumps to its end as a joiner does, and keeps more in hand.
   *
   * @param {boolean} isReplaced whether it lies where a decoder has read already, which goes on only after a seek
   */
  resettle(isReplaced) {
    this.#isLost = isReplaced;
    this.#firstMs = null;
    this.#target.thinned(performance.now());
  }

  stop() {
    clearInterval(this.#timer);
    this.#stop.abort();
    this.#video.playbackRate = 1;
  }

  #playing() {
    const now = performance.now();
    if (this.#stalledMs !== null && now - this.#stalledMs < JITTER_MAX_MS && !this.#isSettling(now)) this.#target.stalled(now);
    this.#stalledMs = null;
    this.#played = true;
  }

  /** @param {number} now */
  #isSettling(now) {
    return this.#firstMs === null || now - this.#firstMs < SETTLE_MS;
  }

  #waiting() {
    const atGap = bufferedRanges(this.#video).some((range) => range.start > this.#video.currentTime);
    if (this.#played && !atGap && !this.#video.seeking && !document.hidden) this.#stalledMs ??= performance.now();
    this.#tick();
  }

  /** @param {{start: number, end: number}[]} ranges */
  #find(ranges) {
    const last = ranges.at(-1);
    const now = this.#video.currentTime;
    if (last === undefined || last.end - Math.max(now, last.start) < FOUND_S) return;
    this.#isLost = false;
    this.#seeks += 1;
    this.#lastSeekMs = this.#firstMs = performance.now();
    this.#video.currentTime = Math.max(now, last.start);
  }

  #tick() {
    const video = this.#video;
    const ranges = bufferedRanges(video);
    if (ranges.length === 0 || video.readyState === 0) return;
    const now = performance.now();
    this.#firstMs ??= now;
    // A seek does not end where too little is before a gap, or what was there has been replaced.
    if (video.seeking && now - this.#lastSeekMs < SEEK_SPACING_MS) return;
    // A person's pause is respected, but a player that never began must be brought to where the media is.
    if (video.paused && this.#played) return;
    if (this.#isLost) this.#find(ranges);
    const targetS = this.#target.value(now) + this.#leanS;
    const { seekTo, rate } = steer({
      time: video.currentTime,
      ranges,
      rate: video.playbackRate,
      stalled: video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA,
      targetS,
      mayWait: this.#leanS > 0,
      jumpS: targetS + (this.#isSettling(now) ? SETTLE_JUMP_S : JUMP_BEHIND_S),
    });
    if (seekTo !== null && now - this.#lastSeekMs >= SEEK_SPACING_MS) {
      this.#lastSeekMs = now;
      this.#seeks += 1;
      video.currentTime = seekTo;
    }
    if (video.playbackRate !== rate) video.playbackRate = rate;
  }
}

/**
 * @param {HTMLMediaElement} video
 * @returns {{start: number, end: number}[]}
 */
export function bufferedRanges(video) {
  const { buffered } = video;
  return Array.from({ length: buffered.length }, (_, i) => ({ start: buffered.start(i), end: buffered.end(i) }));
}

/**
 * Media ahead of the playhead without a gap larger than the browser itself crosses.
 *
 * @param {HTMLMediaElement} video
 * @returns {number} milliseconds
 */
export function bufferedAheadMs(video) {
  const here = bufferedRanges(video).find((range) => video.currentTime >= range.start - 0.1 && video.currentTime <= range.end);
  return here === undefined ? 0 : Math.round((here.end - video.currentTime) * 1000);
}
