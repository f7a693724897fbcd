import { findProtocol, parseWatchPath } from '../player/address.js';
import { el } from '../player/page/dom.js';
import { builtInDrivers } from '../player/page/drivers.js';
import { Playback } from '../player/page/playback.js';

const stream = parseWatchPath(location.pathname, location.search, '/embed/');
if (stream === null) {
  document.body.replaceChildren(el('p', { role: 'alert' }, 'This address names no stream. It should be /embed/app/name.'));
} else {
  const query = new URLSearchParams(location.search);
  const video = el('video', { controls: query.get('controls') !== '0', playsinline: true, 'aria-label': 'Live stream' });
  video.muted = query.get('muted') === '1';
  document.body.replaceChildren(video);
  new Playback(video, stream, { drivers: builtInDrivers, protocol: findProtocol(query.get('protocol'))?.id ?? null }).start();
}
