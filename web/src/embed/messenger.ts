import { findProtocol } from '../../player/address.js';
import type { PlayerView } from '../view/view';

/** What a page may ask of the player in its frame: `{to: 'sluicegate', do: 'pause'}`. */
const ORDERS: Record<string, (view: PlayerView, value: unknown) => void> = {
  play: (view) => {
    view.begin();
    void view.video.play().catch(() => {});
  },
  pause: (view) => view.video.pause(),
  mute: (view) => { view.video.muted = true; },
  unmute: (view) => { view.video.muted = false; },
  volume: (view, value) => { if (typeof value === 'number') view.video.volume = Math.min(1, Math.max(0, value)); },
  live: (view) => view.do('live'),
  protocol: (view, value) => view.playback.choose(typeof value === 'string' ? (findProtocol(value)?.id ?? null) : null),
};

/** What it tells: `{from: 'sluicegate', event: 'ready' | 'state' | 'stats', …}`. */
export interface Told {
  from: 'sluicegate';
  event: 'ready' | 'state' | 'stats';
  [what: string]: unknown;
}

/** Talks with the page around the frame. It gets no more than any page may know of the stream, so it may be any page. */
export class Messenger {
  #view;
  #page;
  #last = '';

  constructor(view: PlayerView, page: Window) {
    this.#view = view;
    this.#page = page;
    window.addEventListener('message', ({ source, data }: MessageEvent<unknown>) => {
      if (source === page) this.#obey(data);
    });
    for (const event of ['play', 'pause', 'volumechange']) view.video.addEventListener(event, () => this.#tellState());
    view.playback.addEventListener('change', () => this.#tellState());
    this.#tell({ from: 'sluicegate', event: 'ready' });
  }

  #obey(data: unknown): void {
    if (typeof data !== 'object' || data === null) return;
    const { to, do: order, value } = data as Record<string, unknown>;
    if (to !== 'sluicegate' || typeof order !== 'string') return;
    if (order === 'stats') this.#tell({ from: 'sluicegate', event: 'stats', ...this.#view.playback.stats() });
    else if (Object.hasOwn(ORDERS, order)) ORDERS[order]?.(this.#view, value);
  }

  #tellState(): void {
    const { playback, video } = this.#view;
    const state: Told = {
      from: 'sluicegate', event: 'state', state: playback.state, playing: playback.state === 'Playing' && !video.paused,
      live: playback.info?.state === 'live', muted: video.muted, protocol: playback.protocol, problem: playback.problem,
    };
    const text = JSON.stringify(state);
    if (text === this.#last) return;
    this.#last = text;
    this.#tell(state);
  }

  #tell(told: Told): void {
    this.#page.postMessage(told, '*');
  }
}
