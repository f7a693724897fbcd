import { exitUrl, findProtocol, streamPath, type Exits, type StreamName } from '../../player/address.js';
import { describeTrack, duration, el, setText } from '../../player/page/dom.js';
import { copyRow, embedRows } from '../common/copy';
import { showQr } from '../common/qr';
import { PlayerView } from '../view/view';
import { drivers } from './drivers';

const EXIT_LABELS: { exit: keyof Exits; label: string; socket: boolean }[] = [
  { exit: 'hls', label: 'HLS', socket: false },
  { exit: 'dash', label: 'DASH', socket: false },
  { exit: 'http_flv', label: 'HTTP-FLV', socket: false },
  { exit: 'ws_flv', label: 'WebSocket FLV', socket: true },
  { exit: 'ws_fmp4', label: 'WebSocket fMP4', socket: true },
  { exit: 'http_fmp4', label: 'HTTP fMP4', socket: false },
];

const KEYS: readonly (readonly [key: string, what: string])[] = [
  ['Space', 'play, pause'], ['M', 'mute'], ['F', 'full screen'], ['I', 'statistics'], ['← →', 'back, forward'], ['↑ ↓', 'volume'], ['L', 'go live'],
];

/** The page at `/watch/{app}/{name}`. */
export function startWatchPage(stream: StreamName): PlayerView {
  const protocol = findProtocol(new URLSearchParams(location.search).get('protocol'))?.id ?? null;
  const view = new PlayerView(stream, { drivers, protocol });
  const { playback } = view;
  const badge = el('span', { class: 'badge away' }, 'Not live');
  const uptime = el('span', { class: 'soft' });
  const tracks = el('ul', { class: 'tracks' });
  const sent = el('details', { hidden: true }, el('summary', {}, 'Pictures and sound'), tracks);
  const exits = el('div', { class: 'exits' });
  const qr = el('button', { type: 'button' }, 'QR code');
  qr.addEventListener('click', () => showQr(`Watch ${stream.name}`, location.href));
  view.choices.element.addEventListener('protocol', (event) => keepInAddress((event as CustomEvent<string | null>).detail));
  document.addEventListener('keydown', (event) => view.key(event));
  const token = tokenForm(stream);
  const stage = el('div', { class: 'stage' }, view.element);
  const addresses = el('details', { hidden: true }, el('summary', {}, 'Addresses for players and pages'), exits);
  view.video.addEventListener('resize', () => stage.classList.toggle('upright', view.video.videoHeight > view.video.videoWidth));
  let shown = '';
  playback.addEventListener('change', () => {
    const { info } = playback;
    const isLive = info?.state === 'live';
    setText(badge, isLive ? 'Live' : info === null ? 'Not live' : 'Publisher away');
    // Who is refused, or gets no answer, is not told whether it is.
    badge.hidden = info === null && playback.presence !== 'absent';
    badge.classList.toggle('away', !isLive);
    token.hidden = playback.presence !== 'refused';
    setText(uptime, info === null ? '' : `for ${duration(info.uptime_ms)}`);
    // Only when they change: a replaced button loses the keyboard's focus.
    const text = JSON.stringify([info?.exits, info?.tracks.map(describeTrack)]);
    if (info === null || text === shown) return;
    shown = text;
    tracks.replaceChildren(...info.tracks.map((track) => el('li', {}, `${track.kind === 'video' ? 'Picture' : 'Sound'}: ${describeTrack(track)}`)));
    exits.replaceChildren(...rows(info.exits, stream));
    addresses.hidden = sent.hidden = false;
  });
  document.title = `${stream.name} · Sluicegate`;
  document.body.replaceChildren(
    el('header', { class: 'top' }, el('a', { href: '/', class: 'brand' }, 'Sluicegate')),
    el('main', { class: 'watch' },
      stage,
      token,
      el('div', { class: 'title' }, el('h1', {}, el('small', {}, `${stream.app}/`), stream.name), badge, uptime, el('span', { class: 'space' }), qr),
      el('ul', { class: 'keys', 'aria-label': 'Keys' }, ...KEYS.map(([key, what]) => el('li', {}, el('kbd', {}, key), ` ${what}`))),
      el('div', {}, sent, addresses)),
    el('footer', {}, el('a', { href: '/assets/licenses.md' }, 'Licences of the libraries in these pages')),
  );
  return view;
}

/** Where a stream demands a token, as whoever comes from the console or by a bare address has none. */
function tokenForm(stream: StreamName): HTMLFormElement {
  const field = el('input', { id: 'token', type: 'password', autocomplete: 'off', required: true });
  const words = stream.token === undefined ? 'This stream demands a token' : 'Another token';
  const form = el('form', { class: 'bar', hidden: true }, el('label', { for: 'token' }, words), field, el('button', { type: 'submit' }, 'Watch'));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const url = new URL(location.href);
    url.searchParams.set('token', field.value.trim());
    location.assign(url);
  });
  return form;
}

function keepInAddress(protocol: string | null): void {
  const url = new URL(location.href);
  if (protocol === null) url.searchParams.delete('protocol');
  else url.searchParams.set('protocol', protocol);
  history.replaceState(null, '', url);
}

function rows(exits: Exits, stream: StreamName): HTMLElement[] {
  const { token } = stream;
  const found = EXIT_LABELS.flatMap(({ exit, label, socket }) => {
    const path = exits[exit];
    return path === undefined ? [] : [copyRow(label, exitUrl(path, location.origin, socket, token))];
  });
  const query = token === undefined ? '' : `?token=${encodeURIComponent(token)}`;
  const embed = new URL(`/embed/${streamPath(stream)}${query}`, location.origin).href;
  return [el('h3', {}, 'For players'), ...found, el('h3', {}, 'In pages of your own'), ...embedRows(embed), ...libraryRows(exits, token)];
}

/** What mpegts.js must be told, which else keeps the delay of the keyframe that it begins with. */
function libraryRows({ http_flv: path }: Exits, token: string | undefined): HTMLElement[] {
  if (path === undefined) return [];
  const url = JSON.stringify(exitUrl(path, location.origin, false, token));
  return [
    copyRow('mpegts.js', `mpegts.createPlayer({ type: 'flv', isLive: true, url: ${url} }, { enableStashBuffer: false, liveSync: true })`),
    el('p', { class: 'soft' }, 'liveSync lets mpegts.js play faster until it is at the live edge. Without it the delay that it begins with stays.'),
  ];
}
