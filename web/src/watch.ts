import './style/base.css';
import './style/watch.css';
import './view/view.css';
import { parseWatchPath } from '../player/address.js';
import { watchForm } from '../player/page/by-name.js';
import { el } from '../player/page/dom.js';
import { expose } from './common/expose';
import { startWatchPage } from './watch/page';

const stream = parseWatchPath(location.pathname, location.search);
if (stream === null) {
  document.title = 'No such stream · Sluicegate';
  document.body.replaceChildren(
    el('header', { class: 'top' }, el('a', { href: '/', class: 'brand' }, 'Sluicegate')),
    el('main', { class: 'lost' },
      el('h1', {}, 'This address names no stream'),
      el('p', { class: 'soft', role: 'alert' }, 'A stream’s page is /watch/app/name, such as /watch/live/demo. Look at the link again, or write the name here.'),
      watchForm(),
      el('p', {}, el('a', { href: '/' }, 'What is live'))));
} else {
  expose(startWatchPage(stream).playback);
}
