import { readClocks, readFragment } from './boxes.js';
import { WireError, WireReader } from './wire.js';

/**
 * @typedef {object} Listener what a connection tells, and of which one
 * @property {(from: Connection, announcement: import('./wire.js').Announcement, bytes: Uint8Array<ArrayBuffer>) => void} init
 * @property {(from: Connection, fragment: import('./boxes.js').Fragment) => void} fragment
 * @property {(from: Connection, message: string) => void} broken the server sent what is no media
 * @property {(from: Connection, code: number, reason: string) => void} closed never after {@link Connection.close}
 */

/** One WebSocket that brings fragments. */
export class Connection {
  #socket;
  #reader = new WireReader();
  /** @type {import('./boxes.js').Clocks} */
  #clocks = new Map();
  #isOver = false;
  url;
  openedMs = performance.now();
  heardMs = performance.now();
  /** Whether anything has been announced. */
  hasBegun = false;

  /**
   * @param {string} url
   * @param {Listener} listener
   * @param {boolean} [fromNewest] begins with the newest group of pictures, else with the next
   */
  constructor(url, listener, fromNewest = true) {
    this.url = url;
    const address = new URL(url);
    if (!fromNewest) address.searchParams.set('start', 'live');
    this.#socket = new WebSocket(address);
    this.#socket.binaryType = 'arraybuffer';
    this.#socket.addEventListener('message', ({ data }) => this.#receive(listener, data));
    this.#socket.addEventListener('close', ({ code, reason }) => {
      if (!this.#isOver) listener.closed(this, code, reason);
    });
  }

  /** Tells nothing any more. */
  close() {
    this.#isOver = true;
    this.#socket.close();
  }

  /**
   * @param {Listener} listener
   * @param {string | ArrayBuffer} data
   */
  #receive(listener, data) {
    if (this.#isOver) return;
    this.heardMs = performance.now();
    try {
      this.#pass(listener, this.#reader.read(data));
    } catch (error) {
      // A box that ends too early makes a RangeError.
      if (!(error instanceof WireError || error instanceof RangeError)) throw error;
      listener.broken(this, error instanceof WireError ? error.message : 'a box that ends too early');
    }
  }

  /**
   * @param {Listener} listener
   * @param {import('./wire.js').WireEvent} event
   */
  #pass(listener, event) {
    if (event.kind === 'init') {
      this.hasBegun = true;
      const bytes = /** @type {Uint8Array<ArrayBuffer>} */ (event.bytes);
      this.#clocks = readClocks(bytes);
      listener.init(this, event.announcement, bytes);
    } else if (event.kind === 'fragment') {
      const fragment = readFragment(/** @type {Uint8Array<ArrayBuffer>} */ (event.bytes), this.#clocks);
      if (fragment === null) throw new WireError('a fragment of a track that was not announced');
      listener.fragment(this, fragment);
    }
  }
}
