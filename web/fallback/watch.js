import { findProtocol, parseWatchPath } from '../player/address.js';
import { banner, el, noticeBox, setText } from '../player/page/dom.js';
import { offers } from '../player/page/choice.js';
import { builtInDrivers } from '../player/page/drivers.js';
import { Playback } from '../player/page/playback.js';
import { NOTICE } from './notice.js';

const stream = parseWatchPath(location.pathname, location.search);
if (stream === null) {
  document.body.replaceChildren(banner('watch'), el('main', {}, el('p', { role: 'alert' }, 'This address names no stream. It should be /watch/app/name.')));
} else {
  show(stream);
}

/** @param {import('../player/address.js').StreamName} stream */
function show(stream) {
  const video = el('video', { controls: true, playsinline: true, 'aria-label': 'Live stream' });
  const asked = findProtocol(new URLSearchParams(location.search).get('protocol'))?.id ?? null;
  const playback = new Playback(video, stream, { drivers: builtInDrivers, protocol: asked });
  const options = offers(builtInDrivers).map(({ id, label, why }) => el('option', { value: id, disabled: why !== '' }, why === '' ? label : `${label} – ${why}`));
  const chooser = el('select', { id: 'protocol' }, ...options);
  const status = el('p', { class: 'status', role: 'status' });
  const problem = el('p', { class: 'problem', role: 'alert' });
  chooser.addEventListener('change', () => playback.choose(findProtocol(chooser.value)?.id ?? null));
  playback.addEventListener('change', () => {
    setText(status, playback.state);
    setText(problem, playback.problem ?? '');
    chooser.value = playback.protocol;
  });
  document.title = `${stream.name} · Sluicegate`;
  document.body.replaceChildren(banner('watch'), el('main', { class: 'watch' },
    el('h1', {}, stream.name, el('small', {}, ` ${stream.app}`)),
    noticeBox(NOTICE),
    el('div', { class: 'screen' }, video),
    el('div', { class: 'bar' }, el('label', { for: 'protocol' }, 'Protocol'), chooser, status),
    problem));
  // Read by automated tests and by people at the console.
  Object.assign(window, {
    __player: {
      get protocol() { return playback.protocol; },
      get state() { return playback.state; },
      stats: () => playback.stats(),
    },
  });
  playback.start();
}
