/** One event of a stream of them (HTML Living Standard §9.2.6). */
export interface ServerEvent {
  name: string;
  data: string;
}

/** Text without the end of an event beyond which a server is not ours. */
const MAX_PENDING = 64 * 1024 * 1024;

/** Joins pieces of text to events. Comments, numbers and waiting times are passed over: the feed has its own. */
export class SseReader {
  #pending = '';

  /**
   * @param text the next piece, cut anywhere
   * @throws RangeError when an event does not end
   */
  push(text: string): ServerEvent[] {
    this.#pending += text;
    const blocks = this.#pending.split(/\r?\n\r?\n/);
    this.#pending = blocks.pop() ?? '';
    if (this.#pending.length > MAX_PENDING) throw new RangeError('an event without an end');
    return blocks.map(readBlock).filter((event) => event.data !== '');
  }
}

function readBlock(block: string): ServerEvent {
  const event = { name: 'message', data: [] as string[] };
  for (const line of block.split(/\r?\n/)) {
    const [, field, value] = /^(\w+)(?:: ?(.*))?$/.exec(line) ?? [];
    if (field === 'event') event.name = value ?? '';
    if (field === 'data') event.data.push(value ?? '');
  }
  return { name: event.name, data: event.data.join('\n') };
}
