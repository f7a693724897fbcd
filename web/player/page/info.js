import { infoPath } from '../address.js';
import { ServerClock } from '../latency.js';

/**
 * @typedef {object} StreamInfo what the gateway tells anybody about a stream
 * @property {string} app
 * @property {string} name
 * @property {'live' | 'waiting' | 'ended'} state `waiting`: the publisher is away for a moment; `ended`: its last playlists can still be read
 * @property {number} uptime_ms
 * @property {number} server_time_ms Unix milliseconds
 * @property {import('../wire.js').Track[]} tracks
 * @property {{label: string, id: string, codec: string, width: number, height: number, bit_rate: number, shed: boolean}[]} [renditions] rungs that
 * the gateway makes of it; `shed` where it cannot keep up with one
 * @property {import('../address.js').Exits} exits
 * @property {import('../latency.js').WallClock} [wall_clock]
 *
 * @typedef {'asking' | 'live' | 'absent' | 'refused' | 'unreachable'} Presence
 */

const LIVE_POLL_MS = 5000;
const ABSENT_POLL_MS = 3000;

/** Between two questions that were asked out of turn. */
const MIN_SPACING_MS = 1000;

/** Follows a stream's public description. Dispatches `change` after each answer. */
export class InfoPoll extends EventTarget {
  #ended = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  clock = new ServerClock();
  #askedMs = -Infinity;
  /** The newest description, null while the stream is absent: not there, or over. @type {StreamInfo | null} */
  info = null;
  /** @type {Presence} */
  presence = 'asking';

  /**
   * @param {import('../address.js').StreamName} stream
   * @param {string} origin of the gateway
   */
  constructor(stream, origin) {
    super();
    this.url = new URL(infoPath(stream), origin).href;
  }

  /** Asks no more. */
  stop() {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  /** Asks now instead of at the next turn, because something has happened to the stream. */
  hurry() {
    if (performance.now() - this.#askedMs >= MIN_SPACING_MS) void this.ask();
  }

  async ask() {
    if (this.#ended) return;
    clearTimeout(this.#timer);
    this.#askedMs = performance.now();
    try {
      const sent = Date.now();
      const response = await fetch(this.url, { cache: 'no-store' });
      const received = Date.now();
      if (response.ok) {
        /** @type {StreamInfo} */
        const info = await response.json();
        this.clock.sample(info.server_time_ms, sent, received);
        this.info = info.state === 'ended' ? null : info;
        this.presence = info.state === 'ended' ? 'absent' : 'live';
      } else {
        this.info = null;
        this.presence = response.status === 404 ? 'absent' : response.status === 401 || response.status === 403 ? 'refused' : 'unreachable';
      }
    } catch {
      this.presence = 'unreachable';
    }
    clearTimeout(this.#timer);
    if (this.#ended) return;
    this.#timer = setTimeout(() => void this.ask(), this.presence === 'live' ? LIVE_POLL_MS : ABSENT_POLL_MS);
    this.dispatchEvent(new Event('change'));
  }
}
