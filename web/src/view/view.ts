import type { StreamName } from '../../player/address.js';
import { el, setText } from '../../player/page/dom.js';
import type { Drivers } from '../../player/page/drivers.js';
import { Playback, type PlaybackOptions } from '../../player/page/playback.js';
import { Choices } from './choices';
import { icon, type IconName } from './icons';
import { commandOf, type Command } from './keys';
import { Poster } from './poster';
import { Statistics } from './statistics';
import { Timeline } from './timeline';

export interface ViewOptions extends Omit<PlaybackOptions, 'drivers'> {
  drivers: Drivers;
  /** Begins by itself; else at the first press of the button. */
  autoplay?: boolean;
  muted?: boolean;
  /** Shows buttons. */
  controls?: boolean;
}

const REFRESH_MS = 250;
/** Buttons leave the picture so long after the last movement. */
const IDLE_MS = 3000;
const STEP_S = 5;
const VOLUME_STEP = 0.1;

/** A player with its buttons: what pages and the web component show. */
export class PlayerView {
  readonly element: HTMLElement;
  readonly video = el('video', { playsinline: true, 'aria-label': 'Live stream' });
  readonly playback: Playback;
  readonly choices: Choices;
  #timeline: Timeline;
  #statistics: Statistics;
  #begun = false;
  #poster: Poster | null = null;
  #soundOnly = el('p', { class: 'sound-only', hidden: true }, icon('sound'), 'Sound only');
  #status = el('p', { class: 'state', role: 'status' });
  #big = button('play', 'Play', 'big');
  #unmute = el('button', { type: 'button', class: 'unmute', hidden: true }, icon('muted'), 'Turn the sound on');
  #play = button('play', 'Play');
  #mute = button('sound', 'Mute');
  #volume = el('input', { type: 'range', class: 'volume', min: '0', max: '1', step: '0.05', 'aria-label': 'Volume' });
  #stats = button('stats', 'Statistics');
  #settings = button('settings', 'Settings');
  #picture = button('picture', 'Picture in picture');
  #fullscreen = button('fullscreen', 'Full screen');
  #idle: ReturnType<typeof setTimeout> | undefined;
  #timer: ReturnType<typeof setInterval>;

  constructor(stream: StreamName, { drivers, autoplay = true, muted = false, controls = true, ...options }: ViewOptions) {
    this.video.muted = muted;
    this.playback = new Playback(this.video, stream, { drivers, ...options });
    this.choices = new Choices(this.playback, drivers);
    this.#timeline = new Timeline(this.playback);
    this.#statistics = new Statistics(this.playback);
    this.#picture.hidden = !document.pictureInPictureEnabled;
    const bar = el('div', { class: 'controls' }, this.#timeline.slider,
      el('div', { class: 'row' }, this.#play, this.#mute, this.#volume, this.#timeline.live, el('span', { class: 'space' }),
        this.#stats, this.#settings, this.#picture, this.#fullscreen));
    this.element = el('section', { class: 'player', 'aria-label': `Player of ${stream.name}` },
      this.video, this.#soundOnly, this.#statistics.element, this.#status, this.#big, this.#unmute, ...(controls ? [bar, this.choices.element] : []));
    this.#listen();
    this.#timer = setInterval(() => this.#refresh(), REFRESH_MS);
    if (autoplay) this.begin();
    else this.#showPoster(stream);
    this.#refresh();
  }

  /** Begins to play, if it has not. */
  begin(): void {
    this.#begun = true;
    this.#poster?.remove();
    this.#poster = null;
    this.playback.start();
  }

  destroy(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#idle);
    this.#poster?.remove();
    this.playback.destroy();
  }

  /** What buttons, keys and other pages ask for. */
  do(command: Command): void {
    const { video } = this;
    if (command === 'play') this.#playOrPause();
    else if (command === 'mute') video.muted = !video.muted;
    else if (command === 'fullscreen') void this.#toggleFullscreen();
    else if (command === 'picture') void togglePicture(video);
    else if (command === 'stats') this.#statistics.element.hidden = !this.#statistics.element.hidden;
    else if (command === 'live') this.#timeline.goLive();
    else if (command === 'back') this.#timeline.move(-STEP_S);
    else if (command === 'forward') this.#timeline.move(STEP_S);
    else video.volume = Math.min(1, Math.max(0, video.volume + (command === 'louder' ? VOLUME_STEP : -VOLUME_STEP)));
    this.#refresh();
  }

  /** Takes a key; true where it was one of ours. */
  key(event: KeyboardEvent): boolean {
    const target = event.composedPath()[0];
    const command = commandOf(event, target instanceof Element ? target.tagName : '');
    if (command === null) return false;
    event.preventDefault();
    this.#wake();
    this.do(command);
    return true;
  }

  #listen(): void {
    const on = (element: HTMLElement, command: Command) => element.addEventListener('click', () => this.do(command));
    on(this.#big, 'play');
    on(this.#play, 'play');
    on(this.#mute, 'mute');
    on(this.#unmute, 'mute');
    on(this.#stats, 'stats');
    on(this.#picture, 'picture');
    on(this.#fullscreen, 'fullscreen');
    this.#settings.addEventListener('click', ({ detail }) => {
      this.#showChoices(this.choices.element.hidden !== false);
      // Pressed by the keyboard, which goes on from there.
      if (detail === 0) this.choices.element.querySelector('select')?.focus();
    });
    this.element.addEventListener('keydown', ({ key }) => {
      if (key !== 'Escape' || this.choices.element.hidden) return;
      this.#showChoices(false);
      this.#settings.focus();
    });
    this.#volume.addEventListener('input', () => {
      this.video.volume = Number(this.#volume.value);
      this.video.muted = this.video.volume === 0;
    });
    this.video.addEventListener('click', (event) => {
      // On a screen to touch, the first touch brings the buttons.
      if (!this.choices.element.hidden) this.#showChoices(false);
      else if ((event as PointerEvent).pointerType !== 'touch') this.do('play');
    });
    this.video.addEventListener('dblclick', () => this.do('fullscreen'));
    for (const event of ['pointermove', 'pointerdown', 'focusin']) this.element.addEventListener(event, () => this.#wake());
    for (const event of ['play', 'pause', 'volumechange', 'playing', 'seeking']) this.video.addEventListener(event, () => this.#refresh());
    this.playback.addEventListener('change', () => this.#refresh());
    this.#wake();
  }

  #showChoices(isShown: boolean): void {
    this.choices.element.hidden = !isShown;
    this.#refresh();
  }

  #showPoster(stream: StreamName): void {
    this.#poster = new Poster(stream);
    this.video.after(this.#poster.element);
    void this.#poster.show(stream, this.playback.origin);
  }

  #wake(): void {
    this.element.classList.remove('idle');
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      const isBusy = this.video.paused || !this.choices.element.hidden || this.element.querySelector('.controls :focus-visible') !== null;
      if (!isBusy) this.element.classList.add('idle');
    }, IDLE_MS);
  }

  #playOrPause(): void {
    if (this.playback.failed) this.playback.choose(this.playback.isAutomatic ? null : this.playback.protocol);
    else if (!this.#begun) this.begin();
    else if (this.video.paused) void this.video.play().catch(() => {});
    else this.video.pause();
  }

  async #toggleFullscreen(): Promise<void> {
    // iPhones give the whole screen to the element of the picture alone.
    const video = this.video as HTMLVideoElement & { webkitEnterFullscreen?: () => void };
    if (document.fullscreenElement !== null) await document.exitFullscreen();
    else if (typeof this.element.requestFullscreen === 'function') await this.element.requestFullscreen().catch(() => {});
    else video.webkitEnterFullscreen?.();
  }

  #refresh(): void {
    const { video, playback } = this;
    const isPlaying = playback.state === 'Playing' && !video.paused;
    // A stream that is not there may come tomorrow: nothing turns for so long.
    const isThere = playback.presence !== 'absent' && playback.presence !== 'refused';
    const waits = this.#begun && !isPlaying && !playback.failed && playback.state !== 'Paused' && isThere;
    dress(this.#play, video.paused ? 'play' : 'pause', video.paused ? 'Play' : 'Pause');
    dress(this.#mute, video.muted ? 'muted' : 'sound', video.muted ? 'Turn the sound on' : 'Mute');
    const volume = String(video.muted ? 0 : video.volume);
    if (this.#volume.value !== volume) this.#volume.value = volume;
    this.#stats.setAttribute('aria-pressed', String(!this.#statistics.element.hidden));
    this.#settings.setAttribute('aria-expanded', String(!this.choices.element.hidden));
    this.#big.hidden = this.#begun && !playback.failed && playback.state !== 'Paused';
    this.#unmute.hidden = !video.muted || video.paused || !isPlaying;
    this.element.classList.toggle('waits', waits);
    this.element.classList.toggle('bare', !this.#begun || !isThere);
    this.#soundOnly.hidden = !isPlaying || playback.info?.tracks.some(({ kind }) => kind === 'video') !== false;
    const told = playback.problem === null ? playback.state : `${playback.state}: ${playback.problem}`;
    setText(this.#status, !this.#begun || isPlaying || playback.state === 'Paused' ? '' : told);
    this.#timeline.show();
    this.choices.show();
    this.#statistics.show();
  }
}

function button(name: IconName, label: string, style = 'tool'): HTMLButtonElement {
  return el('button', { type: 'button', class: style, 'aria-label': label, title: label, 'data-icon': name }, icon(name));
}

/** Gives a button another picture and name. */
function dress(element: HTMLButtonElement, name: IconName, label: string): void {
  if (element.dataset['icon'] === name && element.title === label) return;
  element.dataset['icon'] = name;
  element.title = label;
  element.setAttribute('aria-label', label);
  element.replaceChildren(icon(name));
}

async function togglePicture(video: HTMLVideoElement): Promise<void> {
  if (document.pictureInPictureElement === video) await document.exitPictureInPicture();
  else await video.requestPictureInPicture().catch(() => {});
}
