/**
 * Where one rendition ends and another begins, in one buffer: at a sync sample of the new one that has not been shown yet, when the old one
 * has come up to there. Rungs have the source's times, so that nothing is missing and nothing comes twice. Pure.
 *
 * @typedef {import('./boxes.js').Fragment} Fragment
 * @typedef {import('./wire.js').Announcement} Announcement
 * @typedef {{announcement: Announcement, bytes: Uint8Array<ArrayBuffer>}} Init
 *
 * @typedef {object} Splice
 * @property {number} at the first moment of the new rendition, seconds of the stream
 * @property {Init} init
 * @property {Fragment[]} fragments
 * @property {boolean} cuts whether what is buffered from there on must be taken out first
 */

/** The playhead is still so far before the seam: browsers have decoded some pictures in advance. */
export const MIN_AHEAD_S = 0.12;

/**
 * A browser that waits has read so far ahead. Of what is replaced there it shows nothing up to the next keyframe, unless it is made to read anew.
 */
export const READ_AHEAD_S = 0.4;

/** What is held of a new rendition from one of its sync samples to the next. */
export class Seam {
  /** @type {Init | null} */
  #init = null;
  /** @type {{at: number, fragments: Fragment[]}[]} */
  #groups = [];
  #hasVideo = false;
  /** How far the old rendition and the new one have come. */
  #old = { newest: -Infinity, sync: -Infinity };
  #newest = -Infinity;

  /** How many sync samples of the new rendition have come. */
  syncs = 0;

  /** Seconds by which the new rendition comes later than the old one; 0 while nothing of it is there. */
  get lagS() {
    return Number.isFinite(this.#newest) && Number.isFinite(this.#old.newest) ? Math.max(0, this.#old.newest - this.#newest) : 0;
  }

  /**
   * @param {Announcement} announcement
   * @param {Uint8Array<ArrayBuffer>} bytes
   */
  init(announcement, bytes) {
    this.#init = { announcement, bytes };
    this.#hasVideo = announcement.tracks.some(({ kind }) => kind === 'video');
    this.#groups = [];
  }

  /** @param {Fragment} fragment of the rendition that plays now */
  fromOld(fragment) {
    if (fragment.isVideo !== this.#hasVideo) return;
    this.#old.newest = fragment.time;
    if (fragment.isSync) this.#old.sync = fragment.time;
  }

  /** @param {Fragment} fragment of the rendition that is to come */
  fromNew(fragment) {
    const leads = fragment.isVideo === this.#hasVideo;
    if (leads) this.#newest = fragment.time;
    if (leads && fragment.isSync) {
      this.syncs += 1;
      this.#groups.push({ at: fragment.time, fragments: [] });
    }
    this.#groups.at(-1)?.fragments.push(fragment);
  }

  /**
   * @param {number} playheadS seconds of the stream
   * @returns {Splice | null} what to append from now on; null while it is too early
   */
  take(playheadS) {
    // What the playhead has passed cannot be used any more.
    while (this.#groups[1] !== undefined && (this.#groups[0]?.at ?? 0) < playheadS + MIN_AHEAD_S) this.#groups.shift();
    const first = this.#groups[0];
    if (this.#init === null || first === undefined || first.at < playheadS + MIN_AHEAD_S || first.at > this.#old.newest) return null;
    return this.#splice(this.#init, this.#groups);
  }

  /**
   * Takes all that is there, wherever the playhead is.
   *
   * @returns {Splice | null} null before the first sync sample
   */
  takeAll() {
    return this.#init === null || this.#groups.length === 0 ? null : { ...this.#splice(this.#init, this.#groups), cuts: true };
  }

  /** Forgets all but what has come since the newest sync sample. */
  trim() {
    this.#groups.splice(0, this.#groups.length - 1);
  }

  /**
   * @param {Init} init
   * @param {{at: number, fragments: Fragment[]}[]} groups at least one
   * @returns {Splice}
   */
  #splice(init, groups) {
    const at = groups[0]?.at ?? 0;
    // A group of pictures that is replaced from its beginning goes by itself; one behind it would stand alone for a while.
    return { at, init, fragments: groups.flatMap(({ fragments }) => fragments), cuts: this.#old.sync > at };
  }
}
