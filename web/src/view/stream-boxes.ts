/** One whole box of the top level (ISO/IEC 14496-12 §4.2). */
export interface Box {
  kind: string;
  bytes: Uint8Array<ArrayBuffer>;
}

const HEADER = 8;

/** Puts an MP4 that comes in pieces together to its boxes. Pure. */
export class Boxes {
  #held = new Uint8Array();

  /** @returns the boxes that are whole by now */
  take(piece: Uint8Array): Box[] {
    const held = new Uint8Array(this.#held.length + piece.length);
    held.set(this.#held);
    held.set(piece, this.#held.length);
    const found: Box[] = [];
    let at = 0;
    while (held.length - at >= HEADER) {
      const size = new DataView(held.buffer, at).getUint32(0);
      // Our own server writes neither large sizes nor boxes without an end.
      if (size < HEADER) throw new RangeError(`a box of ${size} bytes`);
      if (held.length - at < size) break;
      const bytes = held.slice(at, at + size);
      found.push({ kind: String.fromCharCode(...bytes.subarray(4, HEADER)), bytes });
      at += size;
    }
    this.#held = held.slice(at);
    return found;
  }
}
