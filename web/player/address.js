/**
 * Where things are: the address of a watch page, and of each exit of a stream.
 *
 * @typedef {'ws-fmp4' | 'hls' | 'dash' | 'http-flv' | 'ws-flv' | 'native-hls' | 'http-mp4' | 'hls-shaka' | 'dash-shaka'} ProtocolId
 *
 * @typedef {object} Protocol one way to play a stream
 * @property {ProtocolId} id the value of the `protocol` query parameter
 * @property {string} label what the chooser shows
 * @property {keyof Exits} exit the exit that it reads
 * @property {boolean} socket whether it is read over a WebSocket
 *
 * @typedef {object} Exits paths of a stream's exits on this origin; an exit that is switched off is absent
 * @property {string} [hls]
 * @property {string} [dash]
 * @property {string} [http_flv]
 * @property {string} [ws_flv]
 * @property {string} [ws_fmp4]
 * @property {string} [http_fmp4]
 *
 * @typedef {{app: string, name: string, token?: string}} StreamName `app` may hold slashes, `name` may not; `token` is the right to play
 */

/** In the order of the chooser. @type {readonly Protocol[]} */
export const PROTOCOLS = [
  { id: 'ws-fmp4', label: 'WebSocket fMP4', exit: 'ws_fmp4', socket: true },
  { id: 'hls', label: 'HLS (hls.js)', exit: 'hls', socket: false },
  { id: 'dash', label: 'DASH (dash.js)', exit: 'dash', socket: false },
  { id: 'http-flv', label: 'HTTP-FLV (mpegts.js)', exit: 'http_flv', socket: false },
  { id: 'ws-flv', label: 'WebSocket FLV (mpegts.js)', exit: 'ws_flv', socket: true },
  { id: 'native-hls', label: 'HLS (built into the browser)', exit: 'hls', socket: false },
  { id: 'http-mp4', label: 'HTTP fMP4 (built into the browser)', exit: 'http_fmp4', socket: false },
  { id: 'hls-shaka', label: 'HLS (Shaka)', exit: 'hls', socket: false },
  { id: 'dash-shaka', label: 'DASH (Shaka)', exit: 'dash', socket: false },
];

/**
 * @param {string | null} id
 * @returns {Protocol | null} null for an unknown one
 */
export function findProtocol(id) {
  return PROTOCOLS.find((protocol) => protocol.id === id) ?? null;
}

/**
 * Splits `app/name` (or `a/b/name`) as a person types it.
 *
 * @param {string} text
 * @returns {StreamName | null} null unless there is an app and a name
 */
export function parseStreamName(text) {
  const parts = text.trim().split('/').filter((part) => part !== '');
  const name = parts.pop();
  if (name === undefined || parts.length === 0 || [name, ...parts].some((part) => part === '.' || part === '..')) return null;
  return { app: parts.join('/'), name };
}

/**
 * Reads the stream out of the path of a page, `/watch/{app}/{name}`.
 *
 * @param {string} pathname still percent-encoded
 * @param {string} [search] the query, of which the token is taken
 * @param {string} [prefix] what stands before the stream
 * @returns {StreamName | null}
 */
export function parseWatchPath(pathname, search = '', prefix = '/watch/') {
  if (!pathname.startsWith(prefix)) return null;
  try {
    // A component that decodes to a slash would name another stream than the server sees.
    const parts = pathname.slice(prefix.length).split('/').map(decodeURIComponent);
    const stream = parts.some((part) => part.includes('/')) ? null : parseStreamName(parts.join('/'));
    const token = new URLSearchParams(search).get('token');
    return stream === null || token === null ? stream : { ...stream, token };
  } catch {
    return null;
  }
}

/**
 * @param {StreamName} stream
 * @returns {string} `app/name`, each component percent-encoded
 */
export function streamPath({ app, name }) {
  return [...app.split('/'), name].map(encodeURIComponent).join('/');
}

/**
 * @param {StreamName} stream
 * @param {ProtocolId} [protocol]
 */
export function watchPath(stream, protocol) {
  return `/watch/${streamPath(stream)}${protocol === undefined ? '' : `?protocol=${protocol}`}`;
}

/** @param {StreamName} stream */
export function infoPath(stream) {
  const query = stream.token === undefined ? '' : `?token=${encodeURIComponent(stream.token)}`;
  return `/${streamPath(stream)}/info.json${query}`;
}

/**
 * @param {string} path path of an exit
 * @param {string} origin such as `https://host:8080`
 * @param {boolean} socket whether the address is for a WebSocket
 * @param {string} [token] the right to play, which playlists hand on to all they name
 * @returns {string} an absolute address
 */
export function exitUrl(path, origin, socket, token) {
  const url = new URL(path, origin);
  if (token !== undefined) url.searchParams.set('token', token);
  if (socket) url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}
