import './style/embed.css';
import './view/view.css';
import { parseWatchPath } from '../player/address.js';
import { el } from '../player/page/dom.js';
import { expose } from './common/expose';
import { Messenger } from './embed/messenger';
import { parseParameters } from './embed/parameters';
import { PlayerView } from './view/view';
import { drivers } from './watch/drivers';

const stream = parseWatchPath(location.pathname, location.search, '/embed/');
if (stream === null) {
  document.body.replaceChildren(el('main', {}, el('h1', {}, 'No stream'), el('p', { role: 'alert' }, 'This address names no stream. It should be /embed/app/name, such as /embed/live/demo.')));
} else {
  document.title = `${stream.name} · Sluicegate`;
  const view = new PlayerView(stream, { drivers, ...parseParameters(location.search) });
  document.addEventListener('keydown', (event) => view.key(event));
  document.body.replaceChildren(el('main', {}, el('h1', { class: 'unseen' }, stream.name), view.element));
  expose(view.playback);
  if (window.parent !== window) new Messenger(view, window.parent);
}
