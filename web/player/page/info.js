import { infoPath } from '../address.js';
import { ServerClock } from '../latency.js';

/**
 * @typedef {object} StreamInfo what the gateway tells anybody about a stream
 * @property {string} app
 * @property {string} name
 * @property {'live' | 'waiting'} state `waiting`: the publisher is away for a moment
 * @property {number} uptime_ms
 * @property {number} server_time_ms Unix milliseconds
 * @property {import('../wire.js').Track[]} tracks
 * @property {import('../address.js').Exits} exits
 * @property {import('../latency.js').WallClock} [wall_clock]
 *
 * @typedef {'asking' | 'live' | 'absent' | 'unreachable'} Presence
 */

const LIVE_POLL_MS = 5000;
const ABSENT_POLL_MS = 3000;

/** Follows a stream's public description. Dispatches `change` after each answer. */
export class InfoPoll extends EventTarget {
  #path;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  clock = new ServerClock();
  /** The newest description, null while the stream is absent. @type {StreamInfo | null} */
  info = null;
  /** @type {Presence} */
  presence = 'asking';

  /** @param {import('../address.js').StreamName} stream */
  constructor(stream) {
    super();
    this.#path = infoPath(stream);
  }

  async ask() {
    clearTimeout(this.#timer);
    try {
      const sent = Date.now();
      const response = await fetch(this.#path, { cache: 'no-store' });
      const received = Date.now();
      if (response.ok) {
        /** @type {StreamInfo} */
        const info = await response.json();
        this.clock.sample(info.server_time_ms, sent, received);
        this.info = info;
        this.presence = 'live';
      } else {
        this.info = null;
        this.presence = response.status === 404 ? 'absent' : 'unreachable';
      }
    } catch {
      this.presence = 'unreachable';
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.ask(), this.presence === 'live' ? LIVE_POLL_MS : ABSENT_POLL_MS);
    this.dispatchEvent(new Event('change'));
  }
}
