import { watchPath } from '../address.js';
import { watchForm } from './by-name.js';
import { banner, describeTrack, duration, el, noticeBox, setText } from './dom.js';

/**
 * @typedef {object} ListedStream
 * @property {string} app
 * @property {string} name
 * @property {'live' | 'waiting'} state
 * @property {number} uptime_ms
 * @property {import('../wire.js').Track[]} tracks
 * @property {{address: string, encoder: string} | null} publisher
 * @property {Record<string, number>} viewers by exit
 */

const REFRESH_MS = 3000;

/** The token lives as long as the tab. */
const TOKEN_KEY = 'sluicegate-admin-token';

/**
 * Fills the page at `/`.
 *
 * @param {{notice: string | null}} options `notice` says what this build lacks
 */
export function startListPage({ notice }) {
  const status = el('p', { class: 'status', role: 'status' }, 'Asking what is live…');
  const list = el('ul', { class: 'streams' });
  const token = tokenForm(() => void refresh());
  let shown = '';

  /** @param {ListedStream[]} streams */
  const show = (streams) => {
    setText(status, streams.length === 0 ? 'Nothing is live now.' : `${streams.length} live`);
    const text = JSON.stringify(streams.map(({ uptime_ms: _, ...rest }) => rest));
    if (text !== shown) {
      shown = text;
      const focused = document.activeElement instanceof HTMLAnchorElement ? document.activeElement.pathname : null;
      list.replaceChildren(...streams.map(card));
      if (focused !== null) [...list.querySelectorAll('a')].find((link) => link.pathname === focused)?.focus();
    }
    streams.forEach((stream, i) => {
      const uptime = list.children[i]?.querySelector('.uptime');
      if (uptime instanceof HTMLElement) setText(uptime, duration(stream.uptime_ms));
    });
  };

  const refresh = async () => {
    try {
      const stored = sessionStorage.getItem(TOKEN_KEY);
      const response = await fetch('/api/v1/streams', {
        cache: 'no-store',
        headers: stored === null ? {} : { authorization: `Bearer ${stored}` },
      });
      const refused = response.status === 401 || response.status === 403;
      token.hidden = !refused;
      if (response.ok) {
        show(/** @type {{streams: ListedStream[]}} */ (await response.json()).streams);
      } else {
        list.replaceChildren();
        shown = '';
        setText(status, refused
          ? 'The list is shown on the admin address, or with the admin token. A stream that you know by name can be watched below.'
          : `The server answered ${response.status}; trying again.`);
      }
    } catch {
      setText(status, 'The server does not answer; trying again.');
    }
  };

  document.body.replaceChildren(
    banner('live streams'),
    el('main', {},
      el('h1', {}, 'Live streams'),
      ...(notice === null ? [] : [noticeBox(notice)]),
      status,
      list,
      token,
      watchForm(),
    ),
  );
  void refresh();
  setInterval(() => { if (!document.hidden) void refresh(); }, REFRESH_MS);
}

/** @param {ListedStream} stream */
function card(stream) {
  const viewers = Object.values(stream.viewers).reduce((sum, count) => sum + count, 0);
  return el('li', {},
    el('a', { href: watchPath(stream) }, `${stream.app}/${stream.name}`),
    el('span', { class: `badge ${stream.state === 'live' ? 'live' : 'away'}` }, stream.state === 'live' ? 'live' : 'publisher away'),
    el('span', { class: 'meta' },
      el('span', { class: 'uptime' }, duration(stream.uptime_ms)),
      ` · ${viewers} ${viewers === 1 ? 'viewer' : 'viewers'}`,
      stream.publisher === null ? '' : ` · ${[stream.publisher.encoder, stream.publisher.address].filter(Boolean).join(' at ')}`),
    ...stream.tracks.map((track) => el('span', { class: 'meta' }, `${track.kind}: ${describeTrack(track)}`)),
  );
}

/** @param {() => void} changed */
function tokenForm(changed) {
  const field = el('input', { id: 'token', type: 'password', autocomplete: 'off' });
  const form = el('form', { class: 'bar', hidden: true },
    el('label', { for: 'token' }, 'Admin token'), field, el('button', { type: 'submit' }, 'Show the list'));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (field.value === '') sessionStorage.removeItem(TOKEN_KEY);
    else sessionStorage.setItem(TOKEN_KEY, field.value);
    changed();
  });
  return form;
}
