import { el } from '../../player/page/dom.js';
import { streamPath } from '../../player/address.js';
import type { StreamStatus } from './status';

/** A thumbnail changes no more often than this: each costs a decoder. */
const SPACING_MS = 4000;

/** A browser that shows nothing by then will not. */
const PATIENCE_MS = 5000;

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
    const url = URL.createObjectURL(await response.blob());
    const video = el('video', { muted: true, playsinline: true, preload: 'auto' });
    try {
      await new Promise<void>((resolve, reject) => {
        video.addEventListener('loadeddata', () => resolve());
        video.addEventListener('error', () => reject(new Error('not decoded')));
        setTimeout(() => reject(new Error('not decoded in time')), PATIENCE_MS);
        video.src = url;
      });
      // As wide as it is shown on a dense screen, and no wider.
      const width = Math.min(video.videoWidth, 640);
      [this.#canvas.width, this.#canvas.height] = [width, Math.round((width * video.videoHeight) / video.videoWidth)];
      this.#canvas.getContext('2d')?.drawImage(video, 0, 0, this.#canvas.width, this.#canvas.height);
    } finally {
      video.removeAttribute('src');
      video.load();
      URL.revokeObjectURL(url);
    }
  }
}
