import { AppendQueue } from './queue.js';
import { playableMime } from './wire.js';

/** The element's timeline starts here, so that samples a little before `base_ms` (audio, or decode times of B-frames) are not cut at 0. */
const LEAD_S = 10;

/** Media behind the playhead is removed when there is more than this, down to the second figure. */
const BACK_MAX_S = 30;
const BACK_KEEP_S = 10;

/** When the browser's quota is reached, this much is kept behind the playhead: the group of pictures on show. */
const QUOTA_KEEP_S = 3;

/**
 * The constructor to use: iPhones have only the managed one.
 *
 * @returns {typeof MediaSource | null}
 */
export function mediaSourceClass() {
  const scope = /** @type {{MediaSource?: typeof MediaSource, ManagedMediaSource?: typeof MediaSource}} */ (/** @type {unknown} */ (globalThis));
  return scope.MediaSource ?? scope.ManagedMediaSource ?? null;
}

/** What an append could not do. `unsupported` is for good; after `broken` a fresh session may work. */
export class SessionError extends Error {
  /**
   * @param {'unsupported' | 'broken'} kind
   * @param {string} message
   */
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

/**
 * One MediaSource on one element, with one SourceBuffer that takes init segments and fragments in order.
 * Dispatches `failure`, a CustomEvent with a {@link SessionError}, at most once.
 */
export class MediaSession extends EventTarget {
  #video;
  #source;
  #url;
  #queue = new AppendQueue();
  /** @type {SourceBuffer | null} */
  #buffer = null;
  #mime = '';
  #offsetS;
  #over = false;

  /**
   * @param {HTMLVideoElement} video
   * @param {typeof MediaSource} Source
   * @param {import('./wire.js').Announcement} announcement
   */
  constructor(video, Source, announcement) {
    super();
    this.#video = video;
    // Times of day-old streams stay small in the element, where some browsers count in single precision.
    this.#offsetS = LEAD_S - announcement.baseMs / 1000;
    this.tracks = announcement.tracks;
    this.#source = new Source();
    this.#source.addEventListener('sourceopen', () => this.#pump(), { once: true });
    // A managed source plays only where remote playback is off.
    video.disableRemotePlayback = true;
    this.#url = URL.createObjectURL(this.#source);
    video.src = this.#url;
  }

  /**
   * @param {import('./wire.js').Announcement} announcement
   * @param {Uint8Array<ArrayBuffer>} bytes
   * @param {number | null} [cutS] takes out what is buffered from there on, seconds of the stream
   */
  appendInit(announcement, bytes, cutS = null) {
    this.tracks = announcement.tracks;
    this.#queue.pushInit(announcement.mime, bytes, cutS);
    this.#pump();
  }

  /** @param {Uint8Array<ArrayBuffer>} bytes */
  appendFragment(bytes) {
    this.#queue.pushFragment(bytes);
    if (this.#queue.isOverfull) {
      this.#fail('broken', 'media arrives faster than the browser takes it');
      return;
    }
    this.#pump();
  }

  /**
   * @param {number} elementS a time of the element, seconds
   * @returns {number} milliseconds on the stream's timeline
   */
  mediaMs(elementS) {
    return (elementS - this.#offsetS) * 1000;
  }

  close() {
    this.#over = true;
    this.#queue.clear();
    URL.revokeObjectURL(this.#url);
  }

  #pump() {
    if (this.#over || this.#source.readyState !== 'open' || this.#buffer?.updating) return;
    if (this.#buffer !== null && this.#evict(BACK_MAX_S, BACK_KEEP_S)) return;
    const item = this.#queue.take();
    if (item === null) return;
    if (item.kind === 'init' && item.cutS !== null && this.#buffer !== null) {
      this.#buffer.remove(Math.max(0, item.cutS + this.#offsetS), Infinity);
      this.#queue.putBack({ ...item, cutS: null });
      return;
    }
    try {
      const buffer = item.kind === 'init' ? this.#bufferFor(item.mime) : this.#buffer;
      buffer?.appendBuffer(item.bytes);
    } catch (error) {
      this.#refused(item, error);
    }
  }

  /**
   * @param {import('./queue.js').InitItem | import('./queue.js').MediaItem} item
   * @param {unknown} error
   */
  #refused(item, error) {
    if (error instanceof SessionError) {
      this.#fail(error.kind, error.message);
    } else if (error instanceof DOMException && error.name === 'QuotaExceededError' && this.#evict(QUOTA_KEEP_S, QUOTA_KEEP_S)) {
      this.#queue.putBack(item);
    } else {
      this.#fail('broken', error instanceof Error ? error.message : String(error));
    }
  }

  /**
   * The SourceBuffer, made or changed for a type.
   *
   * @param {string} announced
   * @returns {SourceBuffer}
   */
  #bufferFor(announced) {
    const Source = /** @type {typeof MediaSource} */ (this.#source.constructor);
    const mime = playableMime(announced, (candidate) => Source.isTypeSupported(candidate));
    if (mime === null) throw new SessionError('unsupported', `this browser does not play ${announced}`);
    if (this.#buffer === null) {
      this.#buffer = this.#source.addSourceBuffer(mime);
      this.#buffer.mode = 'segments';
      this.#buffer.timestampOffset = this.#offsetS;
      this.#buffer.addEventListener('updateend', () => this.#pump());
      this.#buffer.addEventListener('error', () => this.#fail('broken', 'the browser could not read a fragment'));
      this.#source.duration = Infinity;
    } else if (mime !== this.#mime) {
      this.#buffer.changeType(mime);
    }
    this.#mime = mime;
    return this.#buffer;
  }

  /**
   * Begins to remove what lies far behind the playhead.
   *
   * @param {number} maxS how much may lie behind
   * @param {number} keepS how much is kept when there is more
   * @returns {boolean} whether a removal is under way
   */
  #evict(maxS, keepS) {
    const buffer = this.#buffer;
    if (buffer === null || buffer.updating || buffer.buffered.length === 0) return false;
    const start = buffer.buffered.start(0);
    const now = this.#video.currentTime;
    if (now - start <= maxS) return false;
    buffer.remove(0, now - keepS);
    return true;
  }

  /**
   * @param {'unsupported' | 'broken'} kind
   * @param {string} message
   */
  #fail(kind, message) {
    if (this.#over) return;
    this.#over = true;
    this.#queue.clear();
    this.dispatchEvent(new CustomEvent('failure', { detail: new SessionError(kind, message) }));
  }
}
