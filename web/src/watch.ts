import './style/base.css';
import './style/watch.css';
import './view/view.css';
import { parseWatchPath } from '../player/address.js';
import { el } from '../player/page/dom.js';
import { expose } from './common/expose';
import { startWatchPage } from './watch/page';

const stream = parseWatchPath(location.pathname, location.search);
if (stream === null) {
  document.body.replaceChildren(el('main', {},
    el('p', { role: 'alert' }, 'This address names no stream. It should be /watch/app/name.'), el('a', { href: '/' }, 'What is live')));
} else {
  expose(startWatchPage(stream).playback);
}
