/**
 * @typedef {{video?: string, audio?: string}} Selection tracks in the place of what the gateway or the player would take; `video` may be that
 * of a rung
 */

/**
 * The address at which an exit gives what was selected. Pure.
 *
 * @param {string} address of the exit
 * @param {keyof import('../address.js').Exits} exit
 * @param {import('./info.js').StreamInfo} info
 * @param {Selection} selection
 */
export function selectedUrl(address, exit, info, { video, audio }) {
  const url = new URL(address);
  // Lists have rungs among their tracks; the other exits know them by name.
  const rung = exit === 'hls' || exit === 'dash' ? undefined : info.renditions?.find(({ id }) => id === video);
  const tracks = [rung === undefined ? video : undefined, audio].filter((track) => track !== undefined);
  if (rung !== undefined) url.searchParams.set('rendition', rung.label);
  if (tracks.length > 0) url.searchParams.set('track', tracks.join());
  return url.href;
}
