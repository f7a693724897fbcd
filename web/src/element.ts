import { findProtocol } from '../player/address.js';
import { builtInDrivers } from '../player/page/drivers.js';
import { parseSource } from './embed/source';
import { PlayerView } from './view/view';
import css from './view/view.css?inline';

const STYLE = ':host { display: block; aspect-ratio: 16 / 9; background: #000; } :host([hidden]) { display: none; } .player { height: 100%; width: 100%; }';

/**
 * `<sluicegate-player src="https://HOST/live/NAME" autoplay muted controls protocol="ws-fmp4">`: one file, without libraries. It plays by our
 * own player over a WebSocket, by the browser's HLS, or by an endless MP4. Dispatches `state`, a CustomEvent, whenever that changes.
 */
export class SluicegatePlayer extends HTMLElement {
  static observedAttributes = ['src', 'protocol'];
  #root = this.attachShadow({ mode: 'open' });
  #view: PlayerView | null = null;

  constructor() {
    super();
    // Made by script, as a policy may forbid styles in the page.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css + STYLE);
    this.#root.adoptedStyleSheets = [sheet];
    this.addEventListener('keydown', (event) => this.#view?.key(event));
  }

  /** The element that shows the picture; null before there is a `src`. */
  get video(): HTMLVideoElement | null {
    return this.#view?.video ?? null;
  }

  /** In words, such as `Playing`. */
  get state(): string {
    return this.#view?.playback.state ?? '';
  }

  /** Latency, buffer and what else there is to know. */
  get stats() {
    return this.#view?.playback.stats() ?? null;
  }

  async play(): Promise<void> {
    this.#view?.begin();
    await this.#view?.video.play().catch(() => {});
  }

  pause(): void {
    this.#view?.video.pause();
  }

  goLive(): void {
    this.#view?.do('live');
  }

  connectedCallback(): void {
    this.#open();
  }

  disconnectedCallback(): void {
    this.#close();
  }

  attributeChangedCallback(): void {
    if (this.isConnected) this.#open();
  }

  #open(): void {
    this.#close();
    const source = parseSource(this.getAttribute('src'), document.baseURI);
    if (source === null) return;
    const view = new PlayerView(source.stream, {
      drivers: builtInDrivers,
      origin: source.origin,
      protocol: findProtocol(this.getAttribute('protocol'))?.id ?? null,
      autoplay: this.hasAttribute('autoplay'),
      muted: this.hasAttribute('muted'),
      controls: this.hasAttribute('controls'),
    });
    this.#view = view;
    view.playback.addEventListener('change', () => this.dispatchEvent(new CustomEvent('state', { detail: view.playback.state })));
    this.#root.replaceChildren(view.element);
  }

  #close(): void {
    this.#view?.destroy();
    this.#view = null;
    this.#root.replaceChildren();
  }
}

customElements.define('sluicegate-player', SluicegatePlayer);
