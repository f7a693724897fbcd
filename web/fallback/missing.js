import { parseWatchPath, watchPath } from '../player/address.js';
import { el } from '../player/page/dom.js';
import { startListPage } from '../player/page/list.js';

/** What stands behind a stream's name in the addresses that players are given. */
const PLAYERS_ENDING = /(\.flv|\.mp4|\/[^/]*\.(m3u8|mpd))$/;

startListPage({ notice: `There is nothing at ${location.pathname}.` });

// Somebody may have left out /watch, or opened an address that is made for players before anybody publishes.
const stream = parseWatchPath(location.pathname.replace(PLAYERS_ENDING, ''), location.search, '/');
if (stream !== null) {
  const link = el('a', { href: `${watchPath(stream)}${location.search}` }, `${stream.app}/${stream.name}`);
  document.querySelector('.notice')?.append(' If you look for a stream: ', link, ' plays as soon as it is live.');
}
