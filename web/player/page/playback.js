import { exitUrl, findProtocol, PROTOCOLS } from '../address.js';
import { Backoff } from '../backoff.js';
import { bufferedAheadMs } from '../chaser.js';
import { Choice } from './choice.js';
import { InfoPoll } from './info.js';
import { Stalls } from './stalls.js';
import { Watchdog } from './watchdog.js';

/**
 * @typedef {import('../address.js').ProtocolId} ProtocolId
 *
 * @typedef {object} Stats what pages and automated tests read
 * @property {number} currentTime seconds
 * @property {number} buffered_ms ahead of the playhead
 * @property {number | null} latency_ms
 * @property {number} stalls since the protocol was chosen
 * @property {number} stalled_ms
 * @property {number} dropped pictures
 * @property {number} decoded pictures
 * @property {number} width
 * @property {number} height
 * @property {string | null} codec
 * @property {import('../mse.js').Problem[]} errors since the protocol was chosen; a fatal one ended an attempt, after which there may have
 * been another
 * @property {boolean} fatal whether the player has stopped for good
 *
 * @typedef {object} PlaybackOptions
 * @property {import('./drivers.js').Drivers} drivers
 * @property {string} [origin] of the gateway, where that is not the page's own
 * @property {ProtocolId | null} [protocol] null takes the best for this browser, and another where that fails
 *
 * @typedef {{video?: string, audio?: string}} Selection tracks in the place of what the gateway or the player would take; `video` may be that
 * of a rung
 */

const REFRESH_MS = 500;
const RETRY_FIRST_MS = 1000;
const RETRY_MAX_MS = 10_000;

/** A player that stands no further behind the live edge plays live. */
const NEAR_LIVE_S = 20;

/** So many problems are remembered. */
const MAX_PROBLEMS = 50;

/** What is said while there is nothing to play. @type {Record<import('./info.js').Presence, string>} */
const ABSENCE = {
  asking: 'Asking for the stream…',
  live: 'Asking for the stream…',
  absent: 'This stream is not live. It plays here as soon as it begins.',
  refused: 'This stream demands a token. Ask its publisher for a link that has one.',
  unreachable: 'The server does not answer. Trying again; is this device online?',
};
const WRONG_TOKEN = 'This token does not open the stream; it may be over. Ask its publisher for another.';

/**
 * One stream on one video element, by one protocol at a time: begins, begins anew, and changes to another protocol where one fails.
 * Dispatches `change` when its state, its problem or what is known of the stream changes.
 */
export class Playback extends EventTarget {
  #video;
  #stream;
  #drivers;
  #origin;
  #poll;
  #stalls;
  #choice;
  /** @type {Selection} */
  #selection = {};
  /** @type {import('./drivers.js').Driver | null} */
  #driver = null;
  /** Counts attempts, so that a late answer of an old one is known as such. */
  #attempt = 0;
  #opening = false;
  /** Done when the driver before has let go of the element. @type {Promise<unknown>} */
  #released = Promise.resolve();
  #failed = false;
  #backoff = new Backoff(RETRY_FIRST_MS, RETRY_MAX_MS);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;
  /** Whether the present attempt has shown a picture. */
  #hasPlayed = false;
  #watchdog = new Watchdog();
  #state = 'Asking for the stream…';
  /** @type {import('../mse.js').Problem[]} */
  #problems = [];
  /** What went wrong, until it plays. @type {string | null} */
  #problem = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  #end = new AbortController();

  /**
   * @param {HTMLVideoElement} video
   * @param {import('../address.js').StreamName} stream
   * @param {PlaybackOptions} options
   */
  constructor(video, stream, { drivers, origin = location.origin, protocol = null }) {
    super();
    this.#video = video;
    this.#stream = stream;
    this.#drivers = drivers;
    this.#origin = origin;
    this.#poll = new InfoPoll(stream, origin);
    this.#stalls = new Stalls(video);
    this.#choice = new Choice(drivers, protocol);
    this.#poll.addEventListener('change', () => this.#informed());
    const { signal } = this.#end;
    video.addEventListener('playing', () => {
      this.#backoff.reset();
      this.#choice.succeed();
      this.#hasPlayed = true;
      this.#setState('Playing');
    }, { signal });
    video.addEventListener('pause', () => {
      if (this.#state === 'Playing' || this.#state === 'Buffering…') this.#setState('Paused');
    }, { signal });
    video.addEventListener('ended', () => this.#poll.hurry(), { signal });
    video.addEventListener('waiting', () => {
      this.#poll.hurry();
      // What the driver says about a lost stream tells more.
      if (this.#state === 'Playing') this.#setState('Buffering…');
    }, { signal });
  }

  get video() {
    return this.#video;
  }

  get stream() {
    return this.#stream;
  }

  get origin() {
    return this.#origin;
  }

  /** The protocol that is played by now. */
  get protocol() {
    return this.#choice.protocol;
  }

  /** Whether that was left to us. */
  get isAutomatic() {
    return this.#choice.isAutomatic;
  }

  get selection() {
    return this.#selection;
  }

  /** In words. */
  get state() {
    const away = this.info?.state === 'waiting' && !this.#failed;
    return away ? `${this.#state} (the publisher is away)` : this.#state;
  }

  get problem() {
    return this.#problem;
  }

  /** Whether it has stopped for good, until {@link Playback.choose}. */
  get failed() {
    return this.#failed;
  }

  /** What the gateway tells of the stream; null while it is absent. */
  get info() {
    return this.#poll.info;
  }

  /** Whether the gateway has it and lets us, as of its last answer. */
  get presence() {
    return this.#poll.presence;
  }

  /** Those of the player, see `Driver`. */
  get settings() {
    return this.#driver?.settings ?? null;
  }

  /** The picture that is played where the choice is ours, as far as the player tells; null for the one that the gateway takes. */
  get picture() {
    return this.#driver?.picture?.() ?? null;
  }

  get latencyFrom() {
    return this.#driver?.latencyFrom ?? 'gateway';
  }

  /** The stretch of time that a viewer can go to, seconds of the element; null where the protocol keeps none. */
  get window() {
    if (this.#driver?.window !== undefined) return this.#driver.window();
    const exit = findProtocol(this.protocol)?.exit;
    const { seekable } = this.#video;
    if ((exit !== 'hls' && exit !== 'dash') || seekable.length === 0) return null;
    const [start, end] = [seekable.start(0), seekable.end(seekable.length - 1)];
    return Number.isFinite(end) ? { start, end } : null;
  }

  /** Begins to ask for the stream, and to play it. */
  start() {
    if (this.#timer !== undefined || this.#end.signal.aborted) return;
    this.#timer = setInterval(() => this.#refresh(), REFRESH_MS);
    void this.#poll.ask();
  }

  /** Ends for good, and leaves the element empty. */
  destroy() {
    this.#end.abort();
    clearInterval(this.#timer);
    clearTimeout(this.#retry);
    this.#poll.stop();
    this.#close();
  }

  /**
   * Plays by another protocol from now on, or by the same anew.
   *
   * @param {ProtocolId | null} protocol null leaves the choice to us
   */
  choose(protocol) {
    this.#choice.make(protocol);
    this.#begin();
  }

  /**
   * Plays these tracks from now on.
   *
   * @param {Selection} selection
   */
  select(selection) {
    this.#selection = selection;
    if (this.#driver?.select === undefined) this.#begin();
    else this.#driver.select();
    this.#changed();
  }

  /**
   * Goes to a place within the window.
   *
   * @param {number} time seconds of the element
   */
  seek(time) {
    if (this.#driver?.seek === undefined) this.#video.currentTime = time;
    else this.#driver.seek(time);
  }

  /**
   * Goes to the live edge, and plays.
   *
   * @param {number} time where that is about, seconds of the element; players find their own place from there
   */
  goLive(time) {
    if (this.#driver?.goLive === undefined) this.#video.currentTime = time;
    else this.#driver.goLive();
    void this.#video.play().catch(() => {});
  }

  /** @returns {Stats} */
  stats() {
    const video = this.#video;
    const quality = video.getVideoPlaybackQuality();
    const latency = video.readyState > 0 ? (this.#driver?.latencyMs() ?? null) : null;
    return {
      currentTime: video.currentTime,
      stalls: this.#stalls.count,
      stalled_ms: Math.round(this.#stalls.totalMs),
      buffered_ms: bufferedAheadMs(video),
      latency_ms: latency === null || !Number.isFinite(latency) ? null : Math.round(latency),
      dropped: quality.droppedVideoFrames,
      decoded: quality.totalVideoFrames,
      width: video.videoWidth,
      height: video.videoHeight,
      codec: this.#driver?.codec() ?? null,
      errors: [...this.#problems],
      fatal: this.#failed,
    };
  }

  #begin() {
    this.#problems = [];
    this.#stalls.reset();
    this.#backoff.reset();
    this.#close();
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#failed = false;
    this.#problem = null;
    this.#setState('Asking for the stream…');
    if (this.#timer !== undefined) void this.#poll.ask();
  }

  #informed() {
    const { info, presence } = this.#poll;
    if (info !== null && presence === 'live') {
      if (this.#driver === null && !this.#opening && !this.#failed && this.#retry === undefined) void this.#open(info);
    } else {
      this.#closeIfOver();
      if (this.#driver === null && !this.#failed) {
        if (presence === 'absent') this.#problem = null;
        this.#state = presence === 'refused' && this.#stream.token !== undefined ? WRONG_TOKEN : ABSENCE[presence];
      }
    }
    this.#changed();
  }

  /** A stream that is over plays out what it left; players of growing lists would wait for more. */
  #closeIfOver() {
    const drained = this.#video.ended || this.#video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA;
    if (this.#poll.presence === 'absent' && this.#driver !== null && drained) this.#close();
  }

  /** @param {import('./info.js').StreamInfo} info */
  async #open(info) {
    const attempt = ++this.#attempt;
    const protocol = findProtocol(this.protocol);
    const entry = this.#drivers[this.protocol];
    const path = protocol === null ? undefined : info.exits[protocol.exit];
    if (protocol === null || entry === undefined) {
      this.#report(attempt, { message: `This page was built without a player for “${protocol?.label ?? this.protocol}”`, fatal: true });
      return;
    }
    if (path === undefined || !entry.isSupported()) {
      const message = path === undefined ? 'The gateway does not offer this protocol' : 'This browser cannot play this protocol';
      this.#report(attempt, { message, fatal: true });
      return;
    }
    this.#opening = true;
    this.#hasPlayed = false;
    this.#setState('Connecting…');
    try {
      await this.#released;
      if (attempt !== this.#attempt) return;
      const driver = await entry.open({
        video: this.#video,
        stream: this.#stream,
        url: this.#address(path, protocol, info, null),
        address: (picture) => this.#address(path, protocol, this.info ?? info, picture),
        picked: () => this.#selection.video ?? null,
        infoUrl: this.#poll.url,
        poll: this.#poll,
        report: (problem) => this.#report(attempt, problem),
        setState: (state) => { if (attempt === this.#attempt) this.#setState(state); },
      });
      if (attempt === this.#attempt) this.#driver = driver;
      else this.#release(driver);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#report(attempt, { message, fatal: true, retry: true });
    } finally {
      if (attempt === this.#attempt) this.#opening = false;
    }
  }

  /**
   * @param {string} path of an exit
   * @param {import('../address.js').Protocol} protocol
   * @param {import('./info.js').StreamInfo} info
   * @param {string | null} picture in the place of the one that the gateway takes, where the viewer chose none
   */
  #address(path, { exit, socket }, info, picture) {
    const url = new URL(exitUrl(path, this.#origin, socket, this.#stream.token));
    const { video = picture ?? undefined, audio } = this.#selection;
    // Lists have rungs among their tracks; the other exits know them by name.
    const rung = exit === 'hls' || exit === 'dash' ? undefined : info.renditions?.find(({ id }) => id === video);
    const tracks = [rung === undefined ? video : undefined, audio].filter((track) => track !== undefined);
    if (rung !== undefined) url.searchParams.set('rendition', rung.label);
    if (tracks.length > 0) url.searchParams.set('track', tracks.join());
    return url.href;
  }

  /**
   * @param {number} attempt
   * @param {import('../mse.js').Problem & {retry?: boolean}} problem
   */
  #report(attempt, { message, fatal, retry }) {
    if (attempt !== this.#attempt) return;
    this.#problems.push({ message, fatal });
    if (this.#problems.length > MAX_PROBLEMS) this.#problems.shift();
    if (!fatal) return;
    this.#problem = message;
    // The driver may be on the stack: let it finish before it is taken down.
    this.#attempt += 1;
    queueMicrotask(() => this.#close());
    if (retry === true || this.#choice.hasAnother) {
      this.#state = 'Interrupted; trying again';
      this.#retry = setTimeout(() => {
        this.#retry = undefined;
        void this.#poll.ask();
      }, this.#backoff.next());
    } else {
      this.#failed = true;
      this.#state = 'Stopped';
    }
    this.#choice.fail(retry === true);
    this.#changed();
  }

  #close() {
    this.#attempt += 1;
    this.#opening = false;
    if (this.#driver !== null) this.#release(this.#driver);
    this.#driver = null;
  }

  /** @param {import('./drivers.js').Driver} driver */
  #release(driver) {
    this.#released = Promise.resolve(driver.destroy()).catch((/** @type {unknown} */ error) => console.warn('leaving a player:', error));
  }

  /** @param {string} state */
  #setState(state) {
    this.#state = state;
    if (state === 'Playing') this.#problem = null;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }

  #refresh() {
    if (this.#driver !== null && this.#poll.presence === 'absent') this.#informed();
    this.#rescue();
  }

  /** Leads a player that stands to the live edge, and begins a new attempt in place of one that does not come forward. */
  #rescue() {
    const isOnTrial = this.isAutomatic && !this.#hasPlayed && this.#video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA;
    const stands = isOnTrial || this.#state === 'Buffering…' || this.#state === 'Connecting…';
    const waits = this.#driver !== null && stands && this.#poll.info?.state === 'live';
    const wasLive = this.#hasPlayed && this.#isNearLive();
    const remedy = this.#watchdog.look({ waits, isOnTrial, wasLive }, performance.now());
    if (remedy === 'rejoin') this.#driver?.rejoin?.();
    if (remedy !== 'renew') return;
    if (isOnTrial) this.#choice.dismiss();
    const message = isOnTrial ? 'nothing came by this protocol' : 'the player was stuck';
    this.#report(this.#attempt, { message, fatal: true, retry: true });
  }

  #isNearLive() {
    const { window } = this;
    return window === null || window.end - this.#video.currentTime < NEAR_LIVE_S;
  }
}

/**
 * The protocols that a page offers, each with why it cannot be chosen, if it cannot.
 *
 * @param {import('./drivers.js').Drivers} drivers
 */
export function offers(drivers) {
  return PROTOCOLS.map(({ id, label }) => {
    const driver = drivers[id];
    return { id, label, why: driver === undefined ? 'not built in' : driver.isSupported() ? '' : 'not in this browser' };
  });
}
