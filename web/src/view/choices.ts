import { findProtocol } from '../../player/address.js';
import { offers } from '../../player/page/choice.js';
import { describeTrack, el, setText } from '../../player/page/dom.js';
import type { Drivers } from '../../player/page/drivers.js';
import type { Playback } from '../../player/page/playback.js';
import type { Track } from '../../player/wire.js';

/** What a viewer may choose: protocol, picture and sound. */
export class Choices {
  readonly element: HTMLElement;
  #playback;
  #protocol = el('select', { id: 'protocol' });
  #picture = el('select', { id: 'picture' });
  #sound = el('select', { id: 'sound' });
  #rows: { picture: HTMLElement; sound: HTMLElement };
  #shown = '';

  constructor(playback: Playback, drivers: Drivers) {
    this.#playback = playback;
    this.#protocol.append(el('option', { value: '' }, 'Automatic'), ...offers(drivers).map(({ id, label, why }) =>
      el('option', { value: id, disabled: why !== '' }, why === '' ? label : `${label} – ${why}`)));
    const row = (name: string, select: HTMLSelectElement) => el('div', {}, el('label', { for: select.id }, name), select);
    this.#rows = { picture: row('Quality', this.#picture), sound: row('Sound', this.#sound) };
    this.element = el('div', { class: 'choices', role: 'group', 'aria-label': 'Settings', hidden: true },
      row('Protocol', this.#protocol), this.#rows.picture, this.#rows.sound);
    this.#protocol.addEventListener('change', () => {
      const id = findProtocol(this.#protocol.value)?.id ?? null;
      playback.choose(id);
      this.element.dispatchEvent(new CustomEvent('protocol', { detail: id }));
    });
    for (const select of [this.#picture, this.#sound]) {
      select.addEventListener('change', () => playback.select({
        ...(this.#picture.value === '' ? {} : { video: this.#picture.value }),
        ...(this.#sound.value === '' ? {} : { audio: this.#sound.value }),
      }));
    }
  }

  show(): void {
    const { info, isAutomatic, picture, protocol, selection } = this.#playback;
    const tracks = info?.tracks ?? [];
    const rungs = (info?.renditions ?? []).filter(({ shed }) => !shed);
    const text = JSON.stringify([tracks.map(({ bit_rate: _, ...track }) => track), rungs]);
    if (text !== this.#shown && info !== null) {
      this.#shown = text;
      const named = (kind: string) => tracks.filter((track) => track.kind === kind).map((track) => ({ id: track.id, name: nameOf(track) }));
      fill(this.#picture, this.#rows.picture, [...named('video'), ...rungs.map(({ id, label }) => ({ id, name: label }))]);
      fill(this.#sound, this.#rows.sound, named('audio'));
    }
    const [first] = this.#protocol.options;
    if (first !== undefined) first.text = isAutomatic ? `Automatic: ${findProtocol(protocol)?.label ?? protocol}` : 'Automatic';
    const [leftToUs] = this.#picture.options;
    const own = picture === null ? undefined : [...this.#picture.options].find(({ value }) => value === picture);
    if (leftToUs !== undefined) setText(leftToUs, own === undefined ? 'Automatic' : `Automatic: ${own.text}`);
    this.#protocol.value = isAutomatic ? '' : protocol;
    this.#picture.value = selection.video ?? '';
    this.#sound.value = selection.audio ?? '';
  }
}

/** Where there is but one track, there is nothing to choose. */
function fill(select: HTMLSelectElement, row: HTMLElement, tracks: { id: string; name: string }[]): void {
  row.hidden = tracks.length < 2;
  select.replaceChildren(el('option', { value: '' }, 'Automatic'), ...tracks.map(({ id, name }) => el('option', { value: id }, name)));
}

function nameOf(track: Track): string {
  if (track.height === undefined) return describeTrack(track);
  return `${track.height}p${track.frame_rate === undefined ? '' : ` ${Math.round(track.frame_rate)}`}`;
}
