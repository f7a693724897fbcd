import { exitUrl, infoPath, type StreamName } from '../../player/address.js';
import { readClocks, readFragment, type Clocks } from '../../player/boxes.js';
import { el } from '../../player/page/dom.js';
import type { StreamInfo } from '../../player/page/info.js';
import { drawStill } from '../common/still';
import { Boxes } from './stream-boxes';

/** A keyframe that has not come in this time or size will not be waited for. */
const PATIENCE_MS = 8000;
const MAX_BYTES = 8 << 20;

/** A busy browser does not always get a decoder in time. */
const TRIES = 2;

/** What is seen of a stream before it is played: its name, and its newest keyframe where it is live. */
export class Poster {
  readonly element: HTMLElement;
  #canvas = el('canvas', { 'aria-hidden': 'true' });
  #badge = el('span', { class: 'badge', hidden: true }, 'Live');
  #end = new AbortController();

  constructor(stream: StreamName) {
    this.element = el('div', { class: 'poster' }, this.#canvas, el('p', {}, this.#badge, el('span', {}, stream.name)));
  }

  /** Asks for the picture. A stream that is not there, or is not for all, has none. */
  async show(stream: StreamName, origin: string): Promise<void> {
    const signal = AbortSignal.any([this.#end.signal, AbortSignal.timeout(PATIENCE_MS)]);
    try {
      const answer = await fetch(new URL(infoPath(stream), origin), { cache: 'no-store', signal });
      if (!answer.ok) return;
      const info = (await answer.json()) as StreamInfo;
      this.#badge.hidden = info.state !== 'live';
      const path = info.exits.http_fmp4;
      if (path === undefined || !info.tracks.some(({ kind }) => kind === 'video')) return;
      const url = exitUrl(path, origin, false, stream.token);
      for (let left = TRIES; left > 0; left -= 1) {
        const keyframe = await newestKeyframe(url, signal);
        if (keyframe === null || await drawStill(this.#canvas, keyframe).then(() => true, () => false)) return;
      }
    } catch {
      // The name alone will do.
    }
  }

  remove(): void {
    this.#end.abort();
    this.element.remove();
  }
}

/** An endless MP4 begins with the newest keyframe: reads so far, and leaves. */
async function newestKeyframe(url: string, signal: AbortSignal): Promise<Blob | null> {
  const answer = await fetch(url, { cache: 'no-store', signal });
  const reader = answer.ok ? answer.body?.getReader() : undefined;
  if (reader === undefined) return null;
  const boxes = new Boxes();
  let init = new Uint8Array();
  let head = new Uint8Array();
  let clocks: Clocks = new Map();
  try {
    for (let size = 0; size < MAX_BYTES;) {
      const { value, done } = await reader.read();
      if (done) return null;
      size += value.byteLength;
      for (const { kind, bytes } of boxes.take(value)) {
        head = joined(head, bytes);
        if (kind === 'moov') {
          [init, head] = [head, new Uint8Array()];
          clocks = readClocks(init);
        } else if (kind === 'mdat') {
          const fragment = readFragment(head, clocks);
          if (fragment?.isVideo && fragment.isSync) return new Blob([init, head], { type: 'video/mp4' });
          head = new Uint8Array();
        }
      }
    }
    return null;
  } finally {
    void reader.cancel().catch(() => {});
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
