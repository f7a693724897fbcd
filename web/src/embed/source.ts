import { parseWatchPath, type StreamName } from '../../player/address.js';

/**
 * Reads the address of a stream: its own (`https://HOST/live/NAME`) or that of its watch page or embedded player, relative to the page.
 *
 * @returns null where it names none
 */
export function parseSource(src: string | null, base: string): { origin: string; stream: StreamName } | null {
  if (src === null || src === '' || !URL.canParse(src, base)) return null;
  const { origin, pathname, search } = new URL(src, base);
  const prefix = ['/watch/', '/embed/'].find((page) => pathname.startsWith(page)) ?? '/';
  const stream = parseWatchPath(pathname, search, prefix);
  return stream === null ? null : { origin, stream };
}
