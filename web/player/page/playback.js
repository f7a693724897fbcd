import { exitUrl, findProtocol } from '../address.js';
import { Backoff } from '../backoff.js';
import { Choice } from './choice.js';
import { InfoPoll } from './info.js';
import { selectedUrl } from './selection.js';
import { Stalls } from './stalls.js';
import { readStats } from './stats.js';
import { Watchdog } from './watchdog.js';

/**
 * @typedef {import('../address.js').ProtocolId} ProtocolId
 *
 * @typedef {object} PlaybackOptions
 * @property {import('./drivers.js').Drivers} drivers
 * @property {string} [origin] of the gateway, where that is not the page's own
 * @property {ProtocolId | null} [protocol] null takes the best for this browser, and another where that fails
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
  /** @type {import('./selection.js').Selection} */
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
    const waits = () => {
      this.#poll.hurry();
      // What the driver says about a lost stream tells more.
      if (this.#state === 'Playing') this.#setState('Buffering…');
    };
    video.addEventListener('waiting', waits, { signal });
    // A library that gives the element another source plays nothing until that has come.
    video.addEventListener('emptied', waits, { signal });
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
   * @param {import('./selection.js').Selection} selection
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

  stats() {
    const of = { video: this.#video, driver: this.#driver, stalls: this.#stalls };
    return { ...readStats(of), errors: [...this.#problems], fatal: this.#failed };
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
    this.#giveUpShed();
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

  /** What was chosen may be more than the gateway can make at present: then the choice is left to the player. */
  #giveUpShed() {
    const { video, ...rest } = this.#selection;
    if (this.info?.renditions?.some(({ id, shed }) => shed && id === video)) this.select(rest);
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
    const address = (/** @type {string | null} */ picture) => {
      const url = exitUrl(path, this.#origin, protocol.socket, this.#stream.token);
      return selectedUrl(url, protocol.exit, this.info ?? info, { ...(picture === null ? {} : { video: picture }), ...this.#selection });
    };
    this.#opening = true;
    this.#hasPlayed = false;
    this.#setState('Connecting…');
    try {
      await this.#released;
      if (attempt !== this.#attempt) return;
      const driver = await entry.open({
        video: this.#video,
        stream: this.#stream,
        url: address(null),
        address,
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
