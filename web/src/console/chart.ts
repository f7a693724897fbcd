import { el, setText } from '../../player/page/dom.js';
import { svg } from '../common/svg';
import { SPAN_S } from './history';

const WIDTH = 160;
const HEIGHT = 36;
/** A stream that has just begun gets this much time to its chart's left side. */
const MIN_SPAN_S = 60;
/** Room for the line's own width. */
const MARGIN = 2;

/** A figure with the line of its last minutes. */
export class Chart {
  readonly element: HTMLElement;
  #value = el('strong', {}, '–');
  #line = svg('polyline', { class: 'line' });
  #area = svg('polygon', { class: 'area' });

  constructor(name: string) {
    const picture = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' }, this.#area, this.#line);
    this.element = el('div', { class: 'chart' }, el('div', { class: 'term' }, el('span', {}, name), this.#value), picture);
  }

  /** @param points Unix seconds and values, in order */
  show(value: string, points: readonly (readonly [number, number])[]): void {
    setText(this.#value, value);
    const places = placesOf(points);
    this.#line.setAttribute('points', places.map((place) => place.join()).join(' '));
    const [first, last] = [places[0], places.at(-1)];
    const base = first === undefined || last === undefined ? [] : [[last[0], HEIGHT], [first[0], HEIGHT]];
    this.#area.setAttribute('points', [...places, ...base].map((place) => place.join()).join(' '));
  }
}

/** Where the points are in the picture: its right side is the newest, its top a little above the highest, its foot is zero. */
export function placesOf(points: readonly (readonly [number, number])[]): [number, number][] {
  const [oldest, newest] = [points[0]?.[0], points.at(-1)?.[0]];
  if (oldest === undefined || newest === undefined) return [];
  const span = Math.min(SPAN_S, Math.max(MIN_SPAN_S, newest - oldest));
  const top = Math.max(...points.map(([, value]) => value), 1e-9);
  const round = (n: number) => Math.round(n * 10) / 10;
  return points.map(([at, value]) => [
    round(WIDTH * (1 - (newest - at) / span)),
    round(MARGIN + (HEIGHT - 2 * MARGIN) * (1 - value / top)),
  ]);
}
