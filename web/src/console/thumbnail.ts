import { el } from '../../player/page/dom.js';
import { streamPath } from '../../player/address.js';
import { drawStill } from '../common/still';
import type { StreamStatus } from './status';

/** A thumbnail changes no more often than this: each costs a decoder. */
const SPACING_MS = 4000;

/** The newest keyframe of a stream, decoded by the browser and drawn. */
export class Thumbnail {
  readonly element: HTMLElement;
  #canvas = el('canvas', { 'aria-hidden': 'true' });
  #note = el('span', { class: 'note' }, 'No picture yet');
  #shown: number | null = null;
  #beganMs = -Infinity;

  constructor() {
    this.element = el('div', { class: 'thumbnail' }, this.#canvas, this.#note);
  }

  /** Draws the newest keyframe where that is another than the one shown. */
  follow(stream: StreamStatus, headers: Record<string, string>): void {
    const { keyframe, tracks } = stream;
    const isSound = tracks.length > 0 && tracks.every(({ kind }) => kind !== 'video');
    if (this.#shown === null && isSound) this.#note.textContent = 'Sound only';
    if (keyframe === null || keyframe === this.#shown || document.hidden || performance.now() - this.#beganMs < SPACING_MS) return;
    this.#beganMs = performance.now();
    this.#draw(`/api/v1/streams/${streamPath(stream)}/thumbnail.mp4`, headers)
      .then(() => {
        this.#shown = keyframe;
        this.#note.hidden = true;
      }, () => {
        this.#note.textContent = 'No preview in this browser';
        this.#note.hidden = this.#shown !== null;
      });
  }

  async #draw(address: string, headers: Record<string, string>): Promise<void> {
    const response = await fetch(address, { cache: 'no-store', headers });
    if (!response.ok) throw new Error(`thumbnail: ${response.status}`);
    await drawStill(this.#canvas, await response.blob());
  }
}
