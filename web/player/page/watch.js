import { exitUrl, findProtocol, parseWatchPath, PROTOCOLS } from '../address.js';
import { Backoff } from '../backoff.js';
import { bufferedAheadMs } from '../chaser.js';
import { banner, describeTrack, duration, el, noticeBox, setText } from './dom.js';
import { InfoPoll } from './info.js';
import { Stalls } from './stalls.js';

/**
 * @typedef {import('../address.js').ProtocolId} ProtocolId
 *
 * @typedef {object} Stats what automated tests read
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
 * @property {import('../mse.js').Problem[]} errors since the protocol was chosen; a fatal one ended an attempt, after which the page may have
 * begun another
 * @property {boolean} fatal whether the player has stopped for good
 */

const REFRESH_MS = 500;
const RETRY_FIRST_MS = 1000;
const RETRY_MAX_MS = 10_000;

/** A player that shows nothing for so long, while the stream is live, has lost its way: longer than any player needs to fill its buffer. */
const STUCK_MS = 30_000;

/** The page remembers this many problems. */
const MAX_PROBLEMS = 50;

/** What is shown while there is nothing to play. @type {Record<import('./info.js').Presence, string>} */
const ABSENCE = {
  asking: 'Asking for the stream…',
  live: 'Asking for the stream…',
  absent: 'Not live now; waiting for it to begin',
  refused: 'This stream demands a token: open this page with ?token=… behind its address',
  unreachable: 'The server does not answer; trying again',
};

/** The watch page: one stream, one protocol at a time. */
class WatchPage {
  #stream;
  #drivers;
  #poll;
  #video = el('video', { controls: true, playsinline: true, 'aria-label': 'Live stream' });
  #stalls = new Stalls(this.#video);
  #status = el('p', { class: 'status', role: 'status' });
  #problem = el('p', { class: 'problem', role: 'alert', hidden: true });
  #again = el('button', { type: 'button', hidden: true }, 'Try again');
  #unmute = el('button', { type: 'button', hidden: true }, 'Turn the sound on');
  #chooser = el('select', { id: 'protocol' });
  #figures = new Map(['Latency', 'Stalls', 'Buffer', 'Pictures', 'Dropped', 'Size', 'Codec', 'Uptime'].map((name) => [name, el('dd', {}, '–')]));
  #tracks = el('ul', { class: 'tracks' });
  #exits = el('ul', { class: 'exits' });
  #shownExits = '';
  /** @type {ProtocolId} */
  #protocol;
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
  /** Since when the player waits although the stream is live. @type {number | null} */
  #waitsSinceMs = null;
  #state = 'Asking for the stream…';
  /** @type {import('../mse.js').Problem[]} */
  #problems = [];

  /**
   * @param {import('../address.js').StreamName} stream
   * @param {import('./drivers.js').Drivers} drivers
   */
  constructor(stream, drivers) {
    this.#stream = stream;
    this.#drivers = drivers;
    this.#poll = new InfoPoll(stream);
    this.#protocol = this.#firstChoice(new URLSearchParams(location.search).get('protocol'));
    this.#poll.addEventListener('change', () => this.#informed());
    this.#chooser.addEventListener('change', () => this.#choose(/** @type {ProtocolId} */ (this.#chooser.value)));
    this.#again.addEventListener('click', () => this.#choose(this.#protocol));
    this.#unmute.addEventListener('click', () => { this.#video.muted = false; });
    this.#video.addEventListener('playing', () => {
      this.#backoff.reset();
      this.#setState('Playing');
    });
    this.#video.addEventListener('pause', () => {
      if (this.#state === 'Playing' || this.#state === 'Buffering…') this.#setState('Paused');
    });
    this.#video.addEventListener('ended', () => this.#poll.hurry());
    this.#video.addEventListener('waiting', () => {
      this.#poll.hurry();
      // What the driver says about a lost stream tells more.
      if (this.#state === 'Playing') this.#setState('Buffering…');
    });
  }

  get protocol() {
    return this.#protocol;
  }

  get state() {
    return this.#state;
  }

  /** Those of the player, see `Driver`. */
  get settings() {
    return this.#driver?.settings ?? null;
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

  /**
   * @param {string | null} notice
   * @param {string | null} licenses
   */
  show(notice, licenses) {
    const { app, name } = this.#stream;
    document.title = `${name} · Sluicegate`;
    this.#fillChooser();
    document.body.replaceChildren(
      banner('watch'),
      el('main', { class: 'watch' },
        el('h1', {}, name, el('small', {}, ` ${app}`)),
        ...(notice === null ? [] : [noticeBox(notice)]),
        el('div', { class: 'screen' }, this.#video),
        el('div', { class: 'bar' },
          el('label', { for: 'protocol' }, 'Protocol'), this.#chooser, this.#unmute, this.#again, this.#status),
        this.#problem,
        el('section', { 'aria-label': 'Playback figures' },
          el('dl', { class: 'figures' }, ...[...this.#figures].map(([term, value]) => el('div', {}, el('dt', {}, term), value))),
          this.#tracks),
        el('section', {}, el('h2', {}, 'Addresses'), this.#exits),
      ),
      ...(licenses === null ? [] : [el('footer', {}, el('a', { href: licenses }, 'Licences of the player libraries'))]),
    );
    this.#showState();
    setInterval(() => this.#refresh(), REFRESH_MS);
    void this.#poll.ask();
  }

  /**
   * @param {string | null} asked
   * @returns {ProtocolId}
   */
  #firstChoice(asked) {
    const named = findProtocol(asked);
    if (named !== null) return named.id;
    return PROTOCOLS.find(({ id }) => this.#drivers[id]?.isSupported())?.id ?? 'ws-fmp4';
  }

  #fillChooser() {
    this.#chooser.replaceChildren(...PROTOCOLS.map(({ id, label }) => {
      const driver = this.#drivers[id];
      const why = driver === undefined ? ' – not built in' : driver.isSupported() ? '' : ' – not in this browser';
      return el('option', { value: id, disabled: why !== '' }, label + why);
    }));
    this.#chooser.value = this.#protocol;
  }

  /** @param {ProtocolId} protocol */
  #choose(protocol) {
    this.#protocol = protocol;
    const url = new URL(location.href);
    url.searchParams.set('protocol', protocol);
    history.replaceState(null, '', url);
    this.#problems = [];
    this.#stalls.reset();
    this.#backoff.reset();
    this.#close();
    this.#clearProblem();
    this.#setState('Asking for the stream…');
    void this.#poll.ask();
  }

  #informed() {
    const { info, presence } = this.#poll;
    if (info !== null && presence === 'live') {
      this.#showInfo(info);
      if (this.#driver === null && !this.#opening && !this.#failed && this.#retry === undefined) void this.#open(info);
      return;
    }
    this.#closeIfOver();
    if (this.#driver === null && !this.#failed) {
      if (presence === 'absent') this.#problem.hidden = true;
      this.#setState(ABSENCE[presence]);
    }
  }

  /** A stream that is over plays out what it left; players of growing lists would wait for more. */
  #closeIfOver() {
    const drained = this.#video.ended || this.#video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA;
    if (this.#poll.presence === 'absent' && this.#driver !== null && drained) this.#close();
  }

  /** @param {import('./info.js').StreamInfo} info */
  async #open(info) {
    const attempt = ++this.#attempt;
    const protocol = findProtocol(this.#protocol);
    const entry = this.#drivers[this.#protocol];
    const path = protocol === null ? undefined : info.exits[protocol.exit];
    if (protocol === null || entry === undefined) {
      this.#report(attempt, { message: `This page was built without a player for “${protocol?.label ?? this.#protocol}”`, fatal: true });
      return;
    }
    if (path === undefined || !entry.isSupported()) {
      const message = path === undefined ? 'The gateway does not offer this protocol' : 'This browser cannot play this protocol';
      this.#report(attempt, { message, fatal: true });
      return;
    }
    this.#opening = true;
    this.#setState('Connecting…');
    try {
      await this.#released;
      if (attempt !== this.#attempt) return;
      const driver = await entry.open({
        video: this.#video,
        stream: this.#stream,
        url: exitUrl(path, location.origin, protocol.socket, this.#stream.token),
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
    // The driver may be on the stack: let it finish before it is taken down.
    this.#attempt += 1;
    queueMicrotask(() => this.#close());
    if (retry === true) {
      this.#setState('Interrupted; trying again');
      this.#retry = setTimeout(() => {
        this.#retry = undefined;
        void this.#poll.ask();
      }, this.#backoff.next());
    } else {
      this.#failed = true;
      this.#setState('Stopped');
      this.#again.hidden = false;
    }
    this.#problem.hidden = false;
    setText(this.#problem, message);
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

  #clearProblem() {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#failed = false;
    this.#again.hidden = true;
    this.#problem.hidden = true;
  }

  /** @param {string} state */
  #setState(state) {
    this.#state = state;
    if (state === 'Playing') this.#problem.hidden = true;
    this.#showState();
  }

  #showState() {
    const away = this.#poll.info?.state === 'waiting' && this.#state !== 'Stopped';
    setText(this.#status, away ? `${this.#state} (the publisher is away)` : this.#state);
  }

  #refresh() {
    if (this.#driver !== null && this.#poll.presence === 'absent') this.#informed();
    this.#rescue();
    const stats = this.stats();
    const rate = this.#video.playbackRate;
    const ms = (/** @type {number} */ value) => (value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : `${value} ms`);
    const played = rate === 1 ? '' : ` (played at ${rate.toFixed(2)}×)`;
    // What the encoder and the way to the gateway take is in neither.
    const from = this.#driver?.latencyFrom === 'buffer' ? 'in the buffer' : 'since the gateway had it';
    this.#figure('Latency', stats.latency_ms === null ? '–' : `${ms(stats.latency_ms)} ${from}${played}`);
    this.#figure('Stalls', stats.stalls === 0 ? 'none' : `${stats.stalls} (${ms(stats.stalled_ms)})`);
    this.#figure('Buffer', ms(stats.buffered_ms));
    this.#figure('Pictures', String(stats.decoded));
    this.#figure('Dropped', String(stats.dropped));
    this.#figure('Size', stats.width === 0 ? '–' : `${stats.width}×${stats.height}`);
    this.#figure('Codec', stats.codec ?? '–');
    this.#unmute.hidden = !this.#video.muted;
  }

  /** Begins a new attempt in place of one that does not come forward. */
  #rescue() {
    const waits = this.#driver !== null && (this.#state === 'Buffering…' || this.#state === 'Connecting…');
    if (!waits || this.#poll.info?.state !== 'live') {
      this.#waitsSinceMs = null;
      return;
    }
    this.#waitsSinceMs ??= performance.now();
    if (performance.now() - this.#waitsSinceMs < STUCK_MS) return;
    this.#waitsSinceMs = null;
    this.#report(this.#attempt, { message: 'the player was stuck', fatal: true, retry: true });
  }

  /**
   * @param {string} name
   * @param {string} text
   */
  #figure(name, text) {
    const element = this.#figures.get(name);
    if (element !== undefined) setText(element, text);
  }

  /** @param {import('./info.js').StreamInfo} info */
  #showInfo(info) {
    this.#showState();
    this.#figure('Uptime', duration(info.uptime_ms));
    this.#tracks.replaceChildren(...info.tracks.map((track) => el('li', {}, `${track.kind}: ${describeTrack(track)}`)));
    const text = JSON.stringify(info.exits);
    // Only when they change: a replaced button loses the keyboard's focus.
    if (text === this.#shownExits) return;
    this.#shownExits = text;
    this.#exits.replaceChildren(...exitRows(info.exits, this.#stream.token));
  }
}

/** @type {{exit: keyof import('../address.js').Exits, label: string, socket: boolean}[]} */
const EXIT_LABELS = [
  { exit: 'hls', label: 'HLS', socket: false },
  { exit: 'dash', label: 'DASH', socket: false },
  { exit: 'http_flv', label: 'HTTP-FLV', socket: false },
  { exit: 'ws_flv', label: 'WebSocket FLV', socket: true },
  { exit: 'ws_fmp4', label: 'WebSocket fMP4', socket: true },
  { exit: 'http_fmp4', label: 'HTTP fMP4', socket: false },
];

/**
 * @param {import('../address.js').Exits} exits
 * @param {string} [token]
 */
function exitRows(exits, token) {
  return EXIT_LABELS.flatMap(({ exit, label, socket }) => {
    const path = exits[exit];
    if (path === undefined) return [];
    const url = exitUrl(path, location.origin, socket, token);
    const field = el('input', { type: 'text', readonly: true, value: url, 'aria-label': `${label} address` });
    field.addEventListener('focus', () => field.select());
    const copy = el('button', { type: 'button', 'aria-label': `Copy the ${label} address` }, 'Copy');
    copy.addEventListener('click', () => void copyText(field, copy));
    return [el('li', {}, el('span', {}, label), field, copy)];
  });
}

/**
 * @param {HTMLInputElement} field
 * @param {HTMLButtonElement} button
 */
async function copyText(field, button) {
  try {
    await navigator.clipboard.writeText(field.value);
    setText(button, 'Copied');
  } catch {
    // Pages without TLS have no clipboard: leave the address selected for the keyboard.
    field.select();
    setText(button, 'Selected');
  }
  setTimeout(() => setText(button, 'Copy'), 1500);
}

/**
 * Fills the page at `/watch/{app}/{name}`.
 *
 * @param {{drivers: import('./drivers.js').Drivers, notice: string | null, licenses: string | null}} options `notice` says what this build
 * lacks, `licenses` is the address of the licences of what it has
 */
export function startWatchPage({ drivers, notice, licenses }) {
  const stream = parseWatchPath(location.pathname, location.search);
  if (stream === null) {
    document.body.replaceChildren(
      banner('watch'),
      el('main', {}, el('p', { role: 'alert' }, 'This address names no stream. It should be /watch/app/name.'), el('a', { href: '/' }, 'What is live')),
    );
    return;
  }
  const page = new WatchPage(stream, drivers);
  // Read by automated tests and by people at the console.
  Object.assign(window, {
    __player: {
      get protocol() { return page.protocol; },
      get state() { return page.state; },
      get settings() { return page.settings; },
      stats: () => page.stats(),
    },
  });
  page.show(notice, licenses);
}
