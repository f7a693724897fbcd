import { bufferedRanges } from './chaser.js';
import { Follower, MAX_RATE, MIN_RATE, RESERVE_S } from './follower.js';

const TICK_MS = 100;

/** A stall this short is lateness, which a deeper buffer would have hidden; a longer one is an outage, which it would not. */
const LATENESS_MAX_MS = 1500;

/** Players seek and gather their first media within this time: a stall says nothing yet. */
const SETTLE_MS = 2000;

/** What of this the page shows as a setting. */
export const FOLLOWER_SETTINGS = { reserve_s: RESERVE_S, rates: [MIN_RATE, MAX_RATE] };

/**
 * Keeps a video element that a library fills near its live edge, by a {@link Follower}.
 *
 * @param {HTMLVideoElement} video
 * @returns {() => void} ends it
 */
export function follow(video) {
  const follower = new Follower();
  const stop = new AbortController();
  const { signal } = stop;
  const clock = () => performance.now() / 1000;
  /** @type {number | null} */
  let playedMs = null;
  /** @type {number | null} */
  let stalledMs = null;
  let isOurs = false;

  const setRate = (/** @type {number} */ rate) => {
    // Shaka returns to the default rate when it thinks that the edge is near.
    if (video.defaultPlaybackRate !== rate) video.defaultPlaybackRate = rate;
    if (video.playbackRate !== rate) video.playbackRate = rate;
  };
  const tick = () => {
    if (video.seeking || video.paused || video.readyState === HTMLMediaElement.HAVE_NOTHING) return;
    const time = video.currentTime;
    const here = bufferedRanges(video).find((range) => time >= range.start && time <= range.end);
    if (here === undefined) return;
    const { rate, seekTo } = follower.look({ now: clock(), time, end: here.end });
    setRate(rate);
    if (seekTo === null) return;
    isOurs = true;
    video.currentTime = seekTo;
  };
  const playing = () => {
    // A viewer may go back sooner than the timer comes round: this is where from.
    if (playedMs === null) tick();
    const now = performance.now();
    playedMs ??= now;
    if (stalledMs === null) return;
    if (now - stalledMs > LATENESS_MAX_MS) follower.forget();
    else if (stalledMs - playedMs > SETTLE_MS) follower.stalled(clock());
    stalledMs = null;
  };
  const seeking = () => {
    stalledMs = null;
    follower.forget();
    if (!isOurs) follower.moved(clock(), video.currentTime);
    isOurs = false;
  };
  video.addEventListener('waiting', () => {
    if (playedMs !== null && !video.seeking && !document.hidden) stalledMs ??= performance.now();
  }, { signal });
  video.addEventListener('playing', playing, { signal });
  video.addEventListener('play', () => follower.moved(clock(), video.currentTime), { signal });
  video.addEventListener('seeking', seeking, { signal });
  const timer = setInterval(tick, TICK_MS);
  tick();
  return () => {
    clearInterval(timer);
    stop.abort();
    setRate(1);
  };
}
