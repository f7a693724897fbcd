import { bitRate } from '../common/numbers';
import { el, setText } from '../../player/page/dom.js';
import { findProtocol } from '../../player/address.js';
import type { Playback } from '../../player/page/playback.js';

const NAMES = ['Protocol', 'Latency', 'Buffer', 'Bit rate', 'Picture', 'Dropped', 'Stalls', 'Speed', 'Codec'] as const;
type Name = (typeof NAMES)[number];

/** Media over which the bit rate is averaged. */
const RATE_MS = 4000;

/** What Chromium and Safari count. */
type Counting = HTMLVideoElement & { webkitVideoDecodedByteCount?: number; webkitAudioDecodedByteCount?: number };

/** Figures of the playback, over the picture. */
export class Statistics {
  readonly element = el('dl', { class: 'statistics', hidden: true, 'aria-label': 'Statistics' });
  #values = new Map(NAMES.map((name) => [name, el('dd', {}, '–')]));
  #decoded: { at: number; bytes: number }[] = [];
  #playback;

  constructor(playback: Playback) {
    this.#playback = playback;
    this.element.append(...[...this.#values].map(([name, value]) => el('div', {}, el('dt', {}, name), value)));
  }

  show(): void {
    if (this.element.hidden) return;
    const { video, info, protocol, latencyFrom } = this.#playback;
    const stats = this.#playback.stats();
    const ms = (value: number) => (value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : `${value} ms`);
    this.#set('Protocol', findProtocol(protocol)?.label ?? protocol);
    // What the encoder and the way to the gateway take is in neither.
    const from = latencyFrom === 'buffer' ? 'in the buffer' : 'since the gateway had it';
    this.#set('Latency', stats.latency_ms === null ? '–' : `${ms(stats.latency_ms)} ${from}`);
    this.#set('Buffer', ms(stats.buffered_ms));
    const announced = info?.tracks.reduce((sum, track) => sum + (track.bit_rate ?? 0), 0) ?? null;
    this.#set('Bit rate', bitRate(this.#bitRate() ?? announced));
    this.#set('Picture', stats.width === 0 ? '–' : `${stats.width}×${stats.height}`);
    this.#set('Dropped', `${stats.dropped} of ${stats.decoded}`);
    this.#set('Stalls', stats.stalls === 0 ? 'none' : `${stats.stalls} (${ms(stats.stalled_ms)})`);
    this.#set('Speed', `${video.playbackRate.toFixed(2)}×`);
    this.#set('Codec', stats.codec ?? '–');
  }

  #set(name: Name, text: string): void {
    const value = this.#values.get(name);
    if (value !== undefined) setText(value, text);
  }

  /** Of what was decoded lately; null in browsers that do not count it. */
  #bitRate(): number | null {
    const video: Counting = this.#playback.video;
    if (video.webkitVideoDecodedByteCount === undefined) return null;
    const now = { at: performance.now(), bytes: video.webkitVideoDecodedByteCount + (video.webkitAudioDecodedByteCount ?? 0) };
    this.#decoded = this.#decoded.filter(({ at, bytes }) => now.at - at < RATE_MS && bytes <= now.bytes);
    this.#decoded.push(now);
    const first = this.#decoded[0] ?? now;
    return now.at - first.at < RATE_MS / 4 ? null : ((now.bytes - first.bytes) * 8000) / (now.at - first.at);
  }
}
