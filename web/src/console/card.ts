import { exitUrl, streamPath, watchPath } from '../../player/address.js';
import { describeTrack, duration, el, setText } from '../../player/page/dom.js';
import { copyRow, embedRows } from '../common/copy';
import { showQr } from '../common/qr';
import { Chart } from './chart';
import { publishAddress } from './hint';
import { bitRate, count, encoderName, seconds } from '../common/numbers';
import { EXITS, nameOf, viewersOf, type Entrance, type Point, type StreamStatus } from './status';
import { Thumbnail } from './thumbnail';

/** One stream: made once, then kept up to date in place, so that neither the keyboard's focus nor an open list is lost. */
export class Card {
  readonly element: HTMLElement;
  readonly thumbnail = new Thumbnail();
  #badge = el('span', { class: 'badge' });
  #uptime = el('span', { class: 'uptime' });
  #publisher = el('p', { class: 'soft publisher' });
  #tracks = el('ul', { class: 'tracks' });
  #rate = new Chart('Bit rate in');
  #frames = new Chart('Frames');
  #keyframes = new Chart('Keyframes');
  #audience = new Chart('Viewers');
  #facts = new Map(['Out', 'A/V drift', 'B-frames'].map((name) => [name, el('dd', {}, '–')]));
  #viewers = el('ul', { class: 'chips', 'aria-label': 'Viewers by protocol' });
  #span = el('p', { class: 'soft span' });
  #health = el('p', { class: 'health' }, 'No problems seen');
  #warnings = el('ul', { class: 'warnings', 'aria-label': 'Warnings' });
  #shownWarnings = '';

  constructor(stream: StreamStatus, entrance: Entrance) {
    const name = nameOf(stream);
    const watch = new URL(watchPath(stream), location.origin).href;
    const qr = el('button', { type: 'button', class: 'quiet', 'aria-label': `QR code of ${name}` }, 'QR code');
    qr.addEventListener('click', () => showQr(`Watch ${name}`, watch));
    this.element = el('article', { class: 'card', 'aria-label': name },
      el('a', { class: 'picture', href: watchPath(stream), tabindex: '-1', 'aria-hidden': 'true' },
        this.thumbnail.element, this.#badge, this.#uptime),
      el('div', { class: 'body' },
        el('h2', {}, el('a', { href: watchPath(stream) }, el('small', {}, `${stream.app}/`), stream.name)),
        this.#publisher,
        this.#health,
        this.#warnings,
        el('div', { class: 'charts' }, ...[this.#rate, this.#frames, this.#keyframes, this.#audience].map((chart) => chart.element), this.#span),
        el('dl', { class: 'facts' }, ...[...this.#facts].map(([term, value]) => el('div', {}, el('dt', {}, term), value))),
        this.#viewers,
        this.#tracks,
        el('div', { class: 'actions' }, el('a', { class: 'button', href: watchPath(stream) }, 'Watch'), qr),
        el('details', {}, el('summary', {}, 'Addresses'), ...addresses(stream, entrance, watch))));
  }

  show(stream: StreamStatus, points: readonly Point[]): void {
    const { figures } = stream;
    const isLive = stream.state === 'live';
    setText(this.#badge, isLive ? 'Live' : 'Publisher away');
    this.#badge.classList.toggle('away', !isLive);
    setText(this.#uptime, duration(stream.uptime_ms));
    const { publisher } = stream;
    setText(this.#publisher, publisher === null
      ? 'The publisher is away. Viewers are kept for a while: begin to send again under the same name, and they go on.'
      : `${encoderName(publisher.encoder)} · ${publisher.protocol.toUpperCase()} from ${publisher.address}`);
    const spanS = (points.at(-1)?.[0] ?? 0) - (points[0]?.[0] ?? 0);
    setText(this.#span, spanS < 90 ? 'The last minute' : `The last ${count(Math.round(spanS / 60), 'minute')}`);
    this.#health.hidden = !isLive || stream.warnings.length > 0;
    const line = (at: 1 | 2 | 3 | 4 | 5) => points.map((point) => [point[0], point[at]] as const);
    this.#rate.show(bitRate(figures.in_bit_rate), line(1));
    this.#frames.show(figures.frame_rate === null ? '–' : `${Math.round(figures.frame_rate)} fps`, line(3));
    this.#keyframes.show(seconds(figures.keyframe_ms), line(4));
    this.#audience.show(String(viewersOf(stream)), line(5));
    this.#fact('Out', bitRate(figures.out_bit_rate));
    this.#fact('A/V drift', figures.av_drift_ms === null ? '–' : `${figures.av_drift_ms} ms`);
    this.#fact('B-frames', figures.b_frames ? 'yes' : 'no');
    this.#showViewers(stream);
    const tracks = stream.tracks.map((track) => describeTrack(track));
    if (tracks.join('\n') !== [...this.#tracks.children].map((item) => item.textContent).join('\n')) {
      this.#tracks.replaceChildren(...tracks.map((text) => el('li', {}, text)));
    }
    this.#showWarnings(stream);
  }

  #fact(name: string, text: string): void {
    const value = this.#facts.get(name);
    if (value !== undefined) setText(value, text);
  }

  #showViewers({ viewers }: StreamStatus): void {
    const texts = Object.entries(viewers).filter(([, count]) => count > 0).map(([exit, count]) => `${EXITS[exit] ?? exit} ${count}`);
    if (texts.join() === [...this.#viewers.children].map((chip) => chip.textContent).join()) return;
    this.#viewers.replaceChildren(...texts.map((text) => el('li', {}, text)));
  }

  #showWarnings({ warnings }: StreamStatus): void {
    const text = JSON.stringify(warnings);
    if (text === this.#shownWarnings) return;
    this.#shownWarnings = text;
    this.#warnings.replaceChildren(...warnings.map((warning) => el('li', {},
      el('strong', {}, warning.text), el('span', {}, el('em', {}, 'In OBS: '), warning.advice))));
  }
}

function addresses(stream: StreamStatus, entrance: Entrance, watch: string): HTMLElement[] {
  const { exits } = stream;
  const url = (path: string, socket = false) => exitUrl(path, location.origin, socket);
  const embed = new URL(`/embed/${streamPath(stream)}`, location.origin).href;
  return [
    el('h3', {}, 'To publish'),
    copyRow('Publish', publishAddress({ ...entrance, app: stream.app }, stream.name)),
    el('h3', {}, 'To share'),
    copyRow('Watch page', watch),
    el('h3', {}, 'In pages of your own'),
    ...embedRows(embed),
    el('h3', {}, 'For players'),
    ...(exits.hls === undefined ? [] : [copyRow('HLS', url(exits.hls))]),
    ...(exits.dash === undefined ? [] : [copyRow('DASH', url(exits.dash))]),
    ...(exits.http_flv === undefined ? [] : [copyRow('HTTP-FLV', url(exits.http_flv))]),
    ...(exits.ws_flv === undefined ? [] : [copyRow('WS-FLV', url(exits.ws_flv, true))]),
    ...(exits.ws_fmp4 === undefined ? [] : [copyRow('WS-fMP4', url(exits.ws_fmp4, true))]),
    ...(exits.http_fmp4 === undefined ? [] : [copyRow('HTTP-fMP4', url(exits.http_fmp4))]),
    copyRow('RTMP', publishAddress({ ...entrance, app: stream.app, key: false }, stream.name)),
  ];
}
