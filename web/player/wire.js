/**
 * The WebSocket fMP4 protocol: a text frame announces an init segment, the next binary frame is that segment, every further binary
 * frame is one fragment (moof + mdat) until the next announcement.
 *
 * @typedef {object} Track
 * @property {string} id
 * @property {string} kind `video`, `audio` or `data`
 * @property {string} codec RFC 6381
 * @property {string} [codec_name] for people
 * @property {number} [width]
 * @property {number} [height]
 * @property {number} [frame_rate]
 * @property {number} [bit_rate] bits per second
 * @property {number} [sample_rate]
 * @property {number} [channels]
 * @property {string} [name]
 * @property {string} [language] RFC 5646
 * @property {string} [left_out] why HLS and DASH are without it: `keyframes` or `format`
 *
 * @typedef {object} Announcement
 * @property {string} mime for `addSourceBuffer`
 * @property {Track[]} tracks
 * @property {number} baseMs media time of the first sample that follows
 * @property {string} why `joined`, `config`, `break` or `lagged`
 *
 * @typedef {{kind: 'init', announcement: Announcement, bytes: Uint8Array}
 *   | {kind: 'fragment', bytes: Uint8Array}
 *   | {kind: 'drop'}
 *   | {kind: 'nothing'}} WireEvent
 */

/** A server's message that breaks the protocol. */
export class WireError extends Error {}

/** Turns the frames of one connection into events. */
export class WireReader {
  /** @type {Announcement | null} */
  #announced = null;
  #started = false;

  /**
   * @param {string | ArrayBuffer} data one WebSocket message
   * @returns {WireEvent}
   * @throws {WireError}
   */
  read(data) {
    return typeof data === 'string' ? this.#text(data) : this.#binary(new Uint8Array(data));
  }

  /**
   * @param {string} text
   * @returns {WireEvent}
   */
  #text(text) {
    /** @type {unknown} */
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      throw new WireError('a text frame that is not JSON');
    }
    if (!isRecord(message)) throw new WireError('a text frame that is not a JSON object');
    if (message['type'] === 'init') {
      this.#announced = parseAnnouncement(message);
      return { kind: 'nothing' };
    }
    // Message types of a later server are none of our business.
    return message['type'] === 'drop' ? { kind: 'drop' } : { kind: 'nothing' };
  }

  /**
   * @param {Uint8Array} bytes
   * @returns {WireEvent}
   */
  #binary(bytes) {
    const announcement = this.#announced;
    if (announcement !== null) {
      this.#announced = null;
      this.#started = true;
      return { kind: 'init', announcement, bytes };
    }
    if (!this.#started) throw new WireError('a binary frame before the first announcement');
    return { kind: 'fragment', bytes };
  }
}

/**
 * @param {Record<string, unknown>} message
 * @returns {Announcement}
 */
function parseAnnouncement(message) {
  const { mime, tracks, base_ms: baseMs, why } = message;
  if (typeof mime !== 'string') throw new WireError('an init announcement without a MIME type');
  return {
    mime,
    tracks: Array.isArray(tracks) ? tracks.filter(isTrack) : [],
    baseMs: typeof baseMs === 'number' && Number.isFinite(baseMs) ? baseMs : 0,
    why: typeof why === 'string' ? why : 'joined',
  };
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isRecord(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * @param {unknown} value
 * @returns {value is Track}
 */
function isTrack(value) {
  return isRecord(value) && typeof value['id'] === 'string' && typeof value['kind'] === 'string' && typeof value['codec'] === 'string';
}

/**
 * One SourceBuffer takes a new init segment only if it holds as many tracks of each kind as the one before.
 *
 * @param {Track[]} a
 * @param {Track[]} b
 */
export function sameShape(a, b) {
  const shape = (/** @type {Track[]} */ tracks) => tracks.map((track) => track.kind).sort().join();
  return shape(a) === shape(b);
}

/**
 * Finds a spelling of the MIME type that the browser plays: some know `opus` and `flac` only, others `Opus` and `fLaC`.
 *
 * @param {string} mime
 * @param {(mime: string) => boolean} isSupported
 * @returns {string | null} null when there is none
 */
export function playableMime(mime, isSupported) {
  const lower = mime.replace(/\bOpus\b/g, 'opus').replace(/\bfLaC\b/g, 'flac');
  const upper = mime.replace(/\bopus\b/g, 'Opus').replace(/\bflac\b/g, 'fLaC');
  return [mime, lower, upper].find(isSupported) ?? null;
}
