import { PROTOCOLS } from '../address.js';

/** @typedef {import('../address.js').ProtocolId} ProtocolId */

/** Attempts by one protocol that never showed a picture, after which another is tried. */
const MAX_FRUITLESS = 2;

/** The best first. Apple's own player knows LL-HLS; on iPhones it is the only one that may play in the background. @type {readonly ProtocolId[]} */
const BEST = ['ws-fmp4', 'hls', 'http-flv', 'dash', 'http-mp4', 'native-hls'];
/** @type {readonly ProtocolId[]} */
const BEST_ON_APPLE = ['native-hls', 'ws-fmp4', 'hls', 'http-mp4'];

/** Which protocol is played: the one that was asked for, or else the best of those that come through. */
export class Choice {
  #drivers;
  /** @type {ProtocolId} */
  #protocol = 'ws-fmp4';
  #isAutomatic = true;
  /** Attempts since the last picture, by protocol. @type {Map<ProtocolId, number>} */
  #fruitless = new Map();

  /**
   * @param {import('./drivers.js').Drivers} drivers
   * @param {ProtocolId | null} protocol see {@link Choice.make}
   */
  constructor(drivers, protocol) {
    this.#drivers = drivers;
    this.make(protocol);
  }

  /** The protocol to play by now. */
  get protocol() {
    return this.#protocol;
  }

  /** Whether that was left to us. */
  get isAutomatic() {
    return this.#isAutomatic;
  }

  /** Whether another could be turned to. */
  get hasAnother() {
    return this.#isAutomatic && this.#others().length > 0;
  }

  /** @param {ProtocolId | null} protocol null leaves the choice to us */
  make(protocol) {
    this.#isAutomatic = protocol === null;
    this.#protocol = protocol ?? this.#candidates()[0] ?? 'ws-fmp4';
    this.#fruitless.clear();
  }

  /** There is a picture. */
  succeed() {
    this.#fruitless.clear();
  }

  /** The protocol does not come through: any other is better, until there was a picture. */
  dismiss() {
    this.#fruitless.set(this.#protocol, MAX_FRUITLESS);
  }

  /**
   * An attempt is over. Turns to another protocol, where that is ours to do, if this one cannot play or has shown nothing more than once.
   *
   * @param {boolean} mayRetry whether another attempt by the same one could do better
   */
  fail(mayRetry) {
    if (!this.#isAutomatic) return;
    const tries = (this.#fruitless.get(this.#protocol) ?? 0) + 1;
    this.#fruitless.set(this.#protocol, mayRetry ? tries : MAX_FRUITLESS);
    if (mayRetry && tries < MAX_FRUITLESS) return;
    this.#protocol = this.#others()[0] ?? this.#protocol;
  }

  /** What this browser can play, the best first. */
  #candidates() {
    const order = 'WebKitPlaybackTargetAvailabilityEvent' in globalThis ? BEST_ON_APPLE : BEST;
    return order.filter((id) => this.#drivers[id]?.isSupported());
  }

  #others() {
    return this.#candidates().filter((id) => id !== this.#protocol && (this.#fruitless.get(id) ?? 0) < MAX_FRUITLESS);
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
