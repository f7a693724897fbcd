import { nameOf, viewersOf, type Point, type StreamStatus } from './status';

/** Seconds that charts go back. */
export const SPAN_S = 300;

/** What charts show of all streams: as the gateway remembers it, and since then as it tells it. */
export class History {
  #points = new Map<string, Point[]>();

  /** Takes what the gateway remembers in place of what was there. */
  begin(told: Record<string, Point[]>): void {
    this.#points = new Map(Object.entries(told));
  }

  /** Takes how the streams are now, and forgets those that are no more. */
  add(streams: readonly StreamStatus[]): void {
    const names = new Set(streams.map(nameOf));
    for (const name of this.#points.keys()) if (!names.has(name)) this.#points.delete(name);
    for (const stream of streams) {
      const points = this.#points.get(nameOf(stream)) ?? [];
      const point = pointOf(stream);
      // News of another stream come out of turn.
      if ((points.at(-1)?.[0] ?? 0) < point[0]) points.push(point);
      while ((points[0]?.[0] ?? Infinity) < point[0] - SPAN_S) points.shift();
      this.#points.set(nameOf(stream), points);
    }
  }

  of(stream: StreamStatus): readonly Point[] {
    return this.#points.get(nameOf(stream)) ?? [];
  }
}

function pointOf(stream: StreamStatus): Point {
  const { in_bit_rate, out_bit_rate, frame_rate, keyframe_ms } = stream.figures;
  const kilo = (bits: number | null) => Math.round((bits ?? 0) / 1000);
  return [Math.floor(stream.server_time_ms / 1000), kilo(in_bit_rate), kilo(out_bit_rate), frame_rate ?? 0, keyframe_ms ?? 0, viewersOf(stream)];
}
