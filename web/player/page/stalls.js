/** How often, and for how long, a video element had to wait for media after it had begun. */
export class Stalls {
  #count = 0;
  #totalMs = 0;
  #hasPlayed = false;
  /** @type {number | null} */
  #sinceMs = null;

  /** @param {HTMLVideoElement} video */
  constructor(video) {
    video.addEventListener('waiting', () => {
      // A seek waits, too, and so does a player's beginning.
      if (!this.#hasPlayed || video.seeking || this.#sinceMs !== null) return;
      this.#count += 1;
      this.#sinceMs = performance.now();
    });
    video.addEventListener('playing', () => {
      this.#totalMs = this.totalMs;
      this.#sinceMs = null;
      this.#hasPlayed = true;
    });
  }

  get count() {
    return this.#count;
  }

  /** With the one that lasts now. */
  get totalMs() {
    return this.#totalMs + (this.#sinceMs === null ? 0 : performance.now() - this.#sinceMs);
  }

  /** Another player begins. */
  reset() {
    [this.#count, this.#totalMs, this.#sinceMs, this.#hasPlayed] = [0, 0, null, false];
  }
}
