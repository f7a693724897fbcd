import { duration, el, setText } from '../../player/page/dom.js';
import type { Playback } from '../../player/page/playback.js';

/** A window shorter than this is no more than what players need anyway. */
const MIN_WINDOW_S = 15;

/** Nearer to the end of the window than this is live: low latency or three segments. */
const LIVE_S = 8;

/** A jump to live lands so far from the end of the window, from where the player finds its own place. */
const EDGE_S = 2;

/** Where the viewer is in the stretch of time that the stream can be gone back in, and the way to the live edge. */
export class Timeline {
  readonly slider = el('input', { type: 'range', class: 'timeline', min: '0', max: '1000', step: 'any', 'aria-label': 'Position', hidden: true });
  readonly live = el('button', { type: 'button', class: 'live' });
  #playback;
  #isHeld = false;

  constructor(playback: Playback) {
    this.#playback = playback;
    this.live.addEventListener('click', () => this.goLive());
    this.slider.addEventListener('pointerdown', () => { this.#isHeld = true; });
    this.slider.addEventListener('change', () => this.#seek());
    this.slider.addEventListener('input', () => { if (this.#isHeld) this.#tell(); else this.#seek(); });
    for (const end of ['pointerup', 'pointercancel']) this.slider.addEventListener(end, () => { this.#isHeld = false; });
  }

  /** Seconds behind the end of the window; null where there is none. */
  get behindS(): number | null {
    const { window, video } = this.#playback;
    return window === null ? null : Math.max(0, window.end - video.currentTime);
  }

  show(): void {
    const { window, video } = this.#playback;
    const span = window === null ? 0 : window.end - window.start;
    this.slider.hidden = span < MIN_WINDOW_S;
    const isLive = (this.behindS ?? 0) < LIVE_S && !video.paused;
    this.live.classList.toggle('on', isLive);
    setText(this.live, isLive ? 'Live' : 'Go live');
    this.live.disabled = isLive;
    this.live.hidden = this.#playback.info === null;
    if (window === null || this.#isHeld) return;
    this.slider.value = String(((video.currentTime - window.start) / span) * 1000);
    this.#tell();
  }

  goLive(): void {
    const { window, video } = this.#playback;
    if (window === null) void video.play().catch(() => {});
    else this.#playback.goLive(Math.max(window.start, window.end - EDGE_S));
  }

  /** Goes so many seconds forward, or back where it is negative. */
  move(by: number): void {
    const { window, video } = this.#playback;
    if (window === null) return;
    this.#playback.seek(Math.min(Math.max(video.currentTime + by, window.start), window.end - EDGE_S));
  }

  #seek(): void {
    const { window } = this.#playback;
    if (window === null) return;
    const wanted = window.start + (Number(this.slider.value) / 1000) * (window.end - window.start);
    this.#playback.seek(Math.min(wanted, window.end - EDGE_S));
  }

  #tell(): void {
    const { window } = this.#playback;
    if (window === null) return;
    const behind = (1 - Number(this.slider.value) / 1000) * (window.end - window.start);
    const text = behind < LIVE_S ? 'live' : `${duration(behind * 1000)} behind live`;
    this.slider.setAttribute('aria-valuetext', text);
    this.slider.title = text;
  }
}
