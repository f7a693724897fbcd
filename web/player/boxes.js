/**
 * What the player must know of the boxes that it appends: when a fragment is shown, and whether a decoder can begin with it.
 * ISO/IEC 14496-12, only as far as our own server writes it: one `traf` with one `trun` in each `moof`.
 *
 * @typedef {Map<number, {timescale: number, isVideo: boolean}>} Clocks by track ID
 *
 * @typedef {object} Fragment
 * @property {Uint8Array<ArrayBuffer>} bytes
 * @property {number} time when its first sample is shown, seconds of the stream
 * @property {boolean} isVideo
 * @property {boolean} isSync whether its first sample depends on no other
 */

const HEADER = 8;

/** `sample_is_non_sync_sample`, §8.8.3.1. */
const NON_SYNC = 0x1_0000;

/** Fields that may be there or not, by the flags of their box, §8.8.7 and §8.8.8. */
const TFHD = { offset: 0x1, description: 0x2, duration: 0x8, size: 0x10, flags: 0x20 };
const TRUN = { offset: 0x1, firstFlags: 0x4, duration: 0x100, size: 0x200, flags: 0x400, composition: 0x800 };

/**
 * @param {Uint8Array} init an init segment
 * @returns {Clocks}
 */
export function readClocks(init) {
  /** @type {Clocks} */
  const clocks = new Map();
  const moov = child(view(init), 'moov');
  for (const trak of moov === null ? [] : children(moov, 'trak')) {
    const [tkhd, mdia] = [child(trak, 'tkhd'), child(trak, 'mdia')];
    const [mdhd, hdlr] = [mdia && child(mdia, 'mdhd'), mdia && child(mdia, 'hdlr')];
    if (tkhd === null || mdhd === null || hdlr === null) continue;
    const id = tkhd.getUint32(tkhd.getUint8(0) === 1 ? 20 : 12);
    const timescale = mdhd.getUint32(mdhd.getUint8(0) === 1 ? 20 : 12);
    clocks.set(id, { timescale, isVideo: text(hdlr, 8) === 'vide' });
  }
  return clocks;
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes `moof` and `mdat`
 * @param {Clocks} clocks
 * @returns {Fragment | null} null where it says too little
 */
export function readFragment(bytes, clocks) {
  const traf = descend(view(bytes), ['moof', 'traf']);
  const [tfhd, tfdt, trun] = ['tfhd', 'tfdt', 'trun'].map((kind) => traf && child(traf, kind));
  const clock = tfhd && clocks.get(tfhd.getUint32(4));
  if (!tfhd || !tfdt || !trun || !clock) return null;
  const decoded = tfdt.getUint8(0) === 1 ? Number(tfdt.getBigUint64(4)) : tfdt.getUint32(4);
  const first = readFirst(trun, defaultFlags(tfhd));
  return { bytes, time: (decoded + first.composition) / clock.timescale, isVideo: clock.isVideo, isSync: (first.flags & NON_SYNC) === 0 };
}

/** @param {DataView} tfhd */
function defaultFlags(tfhd) {
  const has = tfhd.getUint32(0);
  if ((has & TFHD.flags) === 0) return 0;
  const width = (/** @type {number} */ bit, /** @type {number} */ bytes) => ((has & bit) === 0 ? 0 : bytes);
  return tfhd.getUint32(8 + width(TFHD.offset, 8) + width(TFHD.description, 4) + width(TFHD.duration, 4) + width(TFHD.size, 4));
}

/**
 * @param {DataView} trun
 * @param {number} flags of samples that have none of their own
 */
function readFirst(trun, flags) {
  const has = trun.getUint32(0);
  let at = 8 + ((has & TRUN.offset) === 0 ? 0 : 4);
  const take = (/** @type {number} */ bit) => {
    if ((has & bit) === 0) return null;
    at += 4;
    return at - 4;
  };
  const firstFlags = take(TRUN.firstFlags);
  take(TRUN.duration);
  take(TRUN.size);
  const ownFlags = take(TRUN.flags);
  const composition = take(TRUN.composition);
  const place = ownFlags ?? firstFlags;
  return {
    flags: place === null ? flags : trun.getUint32(place),
    composition: composition === null ? 0 : trun.getInt32(composition),
  };
}

/** @param {Uint8Array} bytes */
function view(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * @param {DataView} parent what the box holds
 * @param {string} kind
 * @returns {DataView[]} what its boxes of that kind hold
 */
function children(parent, kind) {
  const found = [];
  for (let at = 0; at + HEADER <= parent.byteLength;) {
    const size = parent.getUint32(at);
    if (size < HEADER || at + size > parent.byteLength) break;
    if (text(parent, at + 4) === kind) found.push(new DataView(parent.buffer, parent.byteOffset + at + HEADER, size - HEADER));
    at += size;
  }
  return found;
}

/**
 * @param {DataView} parent
 * @param {string} kind
 */
function child(parent, kind) {
  return children(parent, kind)[0] ?? null;
}

/**
 * @param {DataView} parent
 * @param {string[]} kinds
 */
function descend(parent, kinds) {
  return kinds.reduce((/** @type {DataView | null} */ box, kind) => box && child(box, kind), parent);
}

/**
 * @param {DataView} box
 * @param {number} at
 */
function text(box, at) {
  return String.fromCharCode(box.getUint8(at), box.getUint8(at + 1), box.getUint8(at + 2), box.getUint8(at + 3));
}
