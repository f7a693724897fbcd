import { Backoff } from './backoff.js';
import { Chaser } from './chaser.js';
import { Connection } from './connection.js';
import { play } from './play.js';
import { isThere } from './presence.js';
import { Renditions } from './renditions.js';
import { READ_AHEAD_S } from './seam.js';
import { MediaSession, mediaSourceClass } from './session.js';
import { sameShape } from './wire.js';

/**
 * @typedef {'connecting' | 'playing' | 'waiting' | 'suspended' | 'offline' | 'failed'} PlayerState
 * `waiting`: between two connections, or connected to a stream that sends nothing; `suspended`: paused for so long that the
 * connection was given up; `offline`: the stream does not exist now; `failed`: for good, until `start` is called again.
 *
 * @typedef {{message: string, fatal: boolean}} Problem
 *
 * @typedef {object} PlayerOptions
 * @property {string} infoUrl the stream's description, which tells whether it is over; 404 while it does not exist. A failed WebSocket tells no reason
 * @property {number} [targetS] wanted distance to the live edge, seconds
 *
 * @typedef {PlayerOptions & import('./renditions.js').RenditionOptions} MsePlayerOptions
 */

const TARGET_S = 0.22;

/** Delays between connections. */
const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 8000;

/** An overloaded server is left alone this long. */
const OVERLOAD_RETRY_MS = 5000;

/** A connection that lasted this long was a good one. */
const GOOD_CONNECTION_MS = 10_000;

/** How often an absent stream is asked for. */
const OFFLINE_POLL_MS = 3000;

/** An open connection that is silent for this long is asked about; after the second figure it is given up. */
const SILENCE_MS = 4000;
const SILENCE_MAX_MS = 25_000;

/** A paused player holds its connection for this long. */
const PAUSE_MAX_MS = 30_000;

/** Broken sessions in a row, each without a good connection, before giving up. */
const MAX_BROKEN = 4;

/** WebSocket close codes that the gateway uses. */
const CLOSE = { end: 1000, refused: 1008, overload: 1013 };

/**
 * Plays fMP4 from a WebSocket with low latency. Dispatches `state` after each change of {@link MsePlayer.state}, `tracks` when the server
 * announces what follows, and `problem`, a CustomEvent with a {@link Problem}.
 */
export class MsePlayer extends EventTarget {
  #video;
  #options;
  #chaser;
  #backoff = new Backoff(RETRY_FIRST_MS, RETRY_MAX_MS);
  #stop = new AbortController();
  /** @type {PlayerState} */
  #state = 'connecting';
  /** What plays. @type {Connection | null} */
  #connection = null;
  /** @type {import('./connection.js').Listener} */
  #listener = {
    init: (from, announcement, bytes) => this.#announced(from, announcement, bytes),
    fragment: (from, fragment) => this.#arrived(from, fragment),
    broken: (from, message) => (from === this.#connection ? this.#sessionFailed('broken', `the server sent ${message}`) : this.#changeFailed()),
    closed: (from, code, reason) => void (from === this.#connection ? this.#closed(from, code, reason) : this.#changeFailed()),
  };
  #renditions;
  /** Whether the session's media came over the present connection, or goes on by it. */
  #sessionIsCurrent = false;
  /** @type {MediaSession | null} */
  #session = null;
  #broken = 0;
  #drops = 0;
  #userPaused = false;
  /** The one timer for what comes next. @type {ReturnType<typeof setTimeout> | undefined} */
  #next;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #pauseTimer;
  #watchdog;

  /**
   * @param {HTMLVideoElement} video
   * @param {MsePlayerOptions} options
   */
  constructor(video, options) {
    super();
    this.#video = video;
    this.#options = options;
    this.#chaser = new Chaser(video, options.targetS ?? TARGET_S);
    this.#renditions = new Renditions(options, this.#listener);
    this.#watchdog = setInterval(() => this.#watch(), 1000);
    const { signal } = this.#stop;
    video.addEventListener('pause', () => this.#paused(), { signal });
    video.addEventListener('play', () => this.#resumed(), { signal });
    video.addEventListener('playing', () => this.#setState('playing'), { signal });
    video.addEventListener('error', () => this.#elementFailed(), { signal });
    document.addEventListener('visibilitychange', () => this.#visibilityChanged(), { signal });
  }

  static isSupported() {
    return mediaSourceClass() !== null && typeof WebSocket === 'function';
  }

  get state() {
    return this.#state;
  }

  /** Groups of pictures that the server left out because this viewer was slow. */
  get drops() {
    return this.#drops;
  }

  /** Tracks now playing, as announced. */
  get tracks() {
    return this.#session?.tracks ?? [];
  }

  /** The rendition that is played by choice of ours; null for the one that the server takes. */
  get picture() {
    return this.#renditions.picture;
  }

  /** The stream's timeline at the playhead in milliseconds, null before the first media. */
  get mediaMs() {
    return this.#session !== null && this.#video.readyState > 0 ? this.#session.mediaMs(this.#video.currentTime) : null;
  }

  /** Connects; also after `failed`. */
  start() {
    if (this.#stop.signal.aborted) return;
    this.#broken = 0;
    this.#connect();
  }

  /** Ends the connection and leaves the element empty. The player cannot be used again. */
  destroy() {
    this.#stop.abort();
    clearTimeout(this.#next);
    clearTimeout(this.#pauseTimer);
    clearInterval(this.#watchdog);
    this.#chaser.stop();
    this.#disconnect();
    this.#session?.close();
    this.#session = null;
    this.#video.removeAttribute('src');
    this.#video.load();
  }

  /** The address to play has changed: goes over to it without an interruption, where that is possible. */
  choose() {
    this.#renditions.drop();
    if (this.#connection === null || this.#connection.url === this.#renditions.url) return;
    if (this.mediaMs === null || !this.#connection.hasBegun) this.#connect();
    else this.#renditions.turn(this.#stands ? 'rescue' : 'wish');
  }

  /** Whether it plays, and has nothing left to play. */
  get #stands() {
    return !this.#video.paused && this.#video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA;
  }

  #connect() {
    this.#disconnect();
    this.#setState('connecting');
    this.#connection = new Connection(this.#renditions.url, this.#listener);
    this.#renditions.begin();
    this.#sessionIsCurrent = false;
  }

  #disconnect() {
    clearTimeout(this.#next);
    this.#renditions.drop();
    this.#connection?.close();
    this.#connection = null;
  }

  /**
   * @param {Connection} from
   * @param {import('./wire.js').Announcement} announcement
   * @param {Uint8Array<ArrayBuffer>} bytes
   */
  #announced(from, announcement, bytes) {
    const { change } = this.#renditions;
    if (from === change?.connection) {
      change.seam.init(announcement, bytes);
      // The line belongs to what is needed now.
      if (change.reason === 'rescue') this.#connection?.close();
      return;
    }
    this.#sessionFor(announcement).appendInit(announcement, bytes);
    this.dispatchEvent(new Event('tracks'));
    if (announcement.why !== 'lagged') return;
    this.#drops += 1;
    this.#renditions.lagged();
  }

  /**
   * @param {Connection} from
   * @param {import('./boxes.js').Fragment} fragment
   */
  #arrived(from, fragment) {
    const { change } = this.#renditions;
    const leads = fragment.isVideo || !this.tracks.some(({ kind }) => kind === 'video');
    if (from === change?.connection) {
      this.#renditions.approached(change, fragment, leads);
      this.#goOver();
      return;
    }
    this.#renditions.arrived(fragment, leads);
    if (this.#goOver()) return;
    this.#session?.appendFragment(fragment.bytes);
    if (leads && this.mediaMs !== null) this.#renditions.weigh();
  }

  /**
   * Goes over to another rendition if the moment has come.
   *
   * @returns {boolean} whether it has
   */
  #goOver() {
    const playheadS = (this.mediaMs ?? 0) / 1000;
    const splice = this.#renditions.take(playheadS);
    this.#chaser.lean(this.#renditions.lagS);
    if (splice === null) return false;
    this.#connection?.close();
    this.#connection = splice.connection;
    const { announcement, bytes } = splice.init;
    const session = this.#sessionFor(announcement);
    session.appendInit(announcement, bytes, splice.cuts ? splice.at : null);
    for (const fragment of splice.fragments) session.appendFragment(fragment.bytes);
    if (splice.reason === 'rescue') this.#chaser.resettle(splice.at < playheadS + READ_AHEAD_S);
    this.dispatchEvent(new Event('tracks'));
    return true;
  }

  /** Another rendition does not come; it is asked for again, or what played before. */
  #changeFailed() {
    // For one that is needed at once, what played was given up as soon as it began.
    if (this.#renditions.change?.reason === 'rescue' && this.#renditions.change.connection.hasBegun) this.#connection = null;
    this.#renditions.failed();
    this.#chaser.lean(0);
    this.#after(this.#backoff.next(), () => (this.#connection === null ? void this.#connectIfLive() : this.choose()));
  }

  /**
   * The session to append to: the present one as long as the connection and the kinds of tracks stay the same.
   *
   * @param {import('./wire.js').Announcement} announcement
   * @returns {MediaSession}
   */
  #sessionFor(announcement) {
    const old = this.#session;
    if (old !== null && this.#sessionIsCurrent && sameShape(old.tracks, announcement.tracks)) return old;
    const Source = mediaSourceClass();
    if (Source === null) throw new Error('Media Source Extensions are missing');
    old?.close();
    const session = new MediaSession(this.#video, Source, announcement);
    session.addEventListener('failure', (event) => {
      const { kind, message } = /** @type {CustomEvent<import('./session.js').SessionError>} */ (event).detail;
      if (this.#session === session) this.#sessionFailed(kind, message);
    });
    this.#session = session;
    this.#sessionIsCurrent = true;
    this.#chaser.restart();
    this.#play();
    return session;
  }

  #play() {
    if (!this.#userPaused) play(this.#video, () => !this.#userPaused);
  }

  /**
   * @param {Connection} connection
   * @param {number} code
   * @param {string} reason
   */
  #closed(connection, code, reason) {
    this.#connection = null;
    if (code === CLOSE.end || !connection.hasBegun) this.#renditions.ended();
    this.#renditions.drop();
    if (code === CLOSE.refused) {
      this.#giveUp(reason === '' ? 'the server refused this viewer' : reason);
      return;
    }
    if (performance.now() - connection.openedMs >= GOOD_CONNECTION_MS) {
      this.#backoff.reset();
      this.#broken = 0;
    }
    if (code === CLOSE.end) {
      this.#offline();
      return;
    }
    this.#setState('waiting');
    const wait = this.#backoff.next(code === CLOSE.overload ? OVERLOAD_RETRY_MS : 0);
    this.#after(wait, () => this.#connectIfLive());
  }

  async #connectIfLive() {
    const exists = await isThere(this.#options.infoUrl, this.#stop.signal);
    if (this.#stop.signal.aborted || this.#connection !== null || this.#state === 'suspended' || this.#state === 'failed') return;
    if (exists === false) {
      this.#offline();
    } else if (exists === true) {
      this.#connect();
    } else {
      this.#setState('waiting');
      this.#after(this.#backoff.next(), () => this.#connectIfLive());
    }
  }

  #offline() {
    this.#disconnect();
    this.#setState('offline');
    this.#after(OFFLINE_POLL_MS, () => this.#connectIfLive());
  }

  /** Looks after a connection that is open but silent: a publisher that is away, or a network that died without a word. */
  #watch() {
    if (this.#connection === null) return;
    if (this.#renditions.change?.isOverdue) this.#connect();
    const silent = performance.now() - this.#connection.heardMs;
    this.#renditions.watch(this.#stands);
    if (silent < SILENCE_MS) return;
    if (this.#state === 'playing' && this.#video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA) this.#setState('waiting');
    if (silent >= SILENCE_MAX_MS) {
      this.#disconnect();
      void this.#connectIfLive();
    }
  }

  #paused() {
    // A browser may pause a hidden page's picture by itself.
    if (!document.hidden) this.#userPaused = true;
    clearTimeout(this.#pauseTimer);
    this.#pauseTimer = setTimeout(() => {
      if (!this.#video.paused || this.#state === 'failed') return;
      this.#disconnect();
      this.#setState('suspended');
    }, PAUSE_MAX_MS);
  }

  #resumed() {
    this.#userPaused = false;
    clearTimeout(this.#pauseTimer);
    if (this.#state === 'suspended') void this.#connect();
  }

  #visibilityChanged() {
    if (!document.hidden && this.#video.paused && this.#session !== null) this.#play();
  }

  #elementFailed() {
    const error = this.#video.error;
    if (error !== null && this.#session !== null) this.#sessionFailed('broken', error.message || `media error ${error.code}`);
  }

  /**
   * @param {'unsupported' | 'broken'} kind
   * @param {string} message
   */
  #sessionFailed(kind, message) {
    this.#disconnect();
    this.#sessionIsCurrent = false;
    this.#broken += 1;
    if (kind === 'unsupported' || this.#broken >= MAX_BROKEN) {
      this.#giveUp(message);
      return;
    }
    this.#report(message, false);
    this.#setState('waiting');
    this.#after(this.#backoff.next(), () => this.#connectIfLive());
  }

  /** @param {string} message */
  #giveUp(message) {
    this.#disconnect();
    this.#report(message, true);
    this.#setState('failed');
  }

  /**
   * @param {string} message
   * @param {boolean} fatal
   */
  #report(message, fatal) {
    this.dispatchEvent(new CustomEvent('problem', { detail: { message, fatal } }));
  }

  /**
   * @param {number} ms
   * @param {() => void} then
   */
  #after(ms, then) {
    clearTimeout(this.#next);
    this.#next = setTimeout(then, ms);
  }

  /** @param {PlayerState} state */
  #setState(state) {
    if (this.#state === state) return;
    // The old picture plays out while a new connection is made; that is not yet playing again.
    if (state === 'playing' && this.#connection === null) return;
    this.#state = state;
    this.dispatchEvent(new Event('state'));
  }
}
