/**
 * Bytes on their way into a SourceBuffer.
 *
 * @typedef {{kind: 'init', mime: string, bytes: Uint8Array<ArrayBuffer>, cutS: number | null}} InitItem what is buffered from
 * `cutS` on, seconds of the stream, is taken out before
 * @typedef {{kind: 'media', bytes: Uint8Array<ArrayBuffer>, fragments: number}} MediaItem
 */

/** Waiting bytes beyond which the player is hopelessly behind: some ten seconds at 25 Mb/s. */
export const MAX_QUEUED_BYTES = 32 * 1024 * 1024;

/** One append; larger ones hold up the page, smaller ones cost an event each. */
const MAX_APPEND_BYTES = 1024 * 1024;

/** Init segments and fragments in order; fragments that wait together leave together. */
export class AppendQueue {
  /** @type {(InitItem | MediaItem)[]} */
  #items = [];
  #bytes = 0;

  /** Bytes waiting. */
  get bytes() {
    return this.#bytes;
  }

  get isEmpty() {
    return this.#items.length === 0;
  }

  /** Whether more waits than can ever be caught up with; the owner must start afresh. */
  get isOverfull() {
    return this.#bytes > MAX_QUEUED_BYTES;
  }

  /**
   * @param {string} mime
   * @param {Uint8Array<ArrayBuffer>} bytes
   * @param {number | null} [cutS]
   */
  pushInit(mime, bytes, cutS = null) {
    this.#push({ kind: 'init', mime, bytes, cutS });
  }

  /** @param {Uint8Array<ArrayBuffer>} bytes */
  pushFragment(bytes) {
    this.#push({ kind: 'media', bytes, fragments: 1 });
  }

  /**
   * Takes the next append: an init segment alone, or all waiting fragments up to a bound, never past an init segment.
   *
   * @returns {InitItem | MediaItem | null}
   */
  take() {
    const first = this.#items[0];
    if (first === undefined) return null;
    let count = 1;
    let bytes = first.bytes.byteLength;
    if (first.kind === 'media') {
      for (let next = this.#items[count]; next?.kind === 'media'; next = this.#items[count]) {
        if (bytes + next.bytes.byteLength > MAX_APPEND_BYTES) break;
        bytes += next.bytes.byteLength;
        count += 1;
      }
    }
    const taken = this.#items.splice(0, count);
    this.#bytes -= bytes;
    return taken.length === 1 ? first : join(taken, bytes);
  }

  /**
   * Puts back what could not be appended.
   *
   * @param {InitItem | MediaItem} item
   */
  putBack(item) {
    this.#items.unshift(item);
    this.#bytes += item.bytes.byteLength;
  }

  clear() {
    this.#items = [];
    this.#bytes = 0;
  }

  /** @param {InitItem | MediaItem} item */
  #push(item) {
    this.#items.push(item);
    this.#bytes += item.bytes.byteLength;
  }
}

/**
 * @param {(InitItem | MediaItem)[]} items all media
 * @param {number} length
 * @returns {MediaItem}
 */
function join(items, length) {
  const bytes = new Uint8Array(length);
  let at = 0;
  let fragments = 0;
  for (const item of items) {
    bytes.set(item.bytes, at);
    at += item.bytes.byteLength;
    fragments += item.kind === 'media' ? item.fragments : 0;
  }
  return { kind: 'media', bytes, fragments };
}
