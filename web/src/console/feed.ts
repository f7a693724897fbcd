import { Backoff } from '../../player/backoff.js';
import { SseReader, type ServerEvent } from './sse';
import type { Point, Streams } from './status';

/** Whether the gateway tells us. `refused`: an admin token is missing or wrong, or the console is served elsewhere. */
export type FeedState = 'connecting' | 'live' | 'refused' | 'unreachable';

const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 5000;
const REFUSED_RETRY_MS = 5000;

/** The gateway speaks each second: one that is silent for so long has gone without a word. */
const SILENCE_MS = 15_000;

/** The token lives as long as the tab. */
const TOKEN_KEY = 'sluicegate-admin-token';

export interface FeedHandlers {
  streams: (told: Streams) => void;
  history: (told: Record<string, Point[]>) => void;
  state: (state: FeedState) => void;
}

/** Listens to the gateway's events, and listens anew whenever that breaks. By fetch, as an EventSource cannot send a token. */
export class Feed {
  #handlers;
  #backoff = new Backoff(RETRY_FIRST_MS, RETRY_MAX_MS);
  #connection = new AbortController();
  #wake: (() => void) | null = null;

  constructor(handlers: FeedHandlers) {
    this.#handlers = handlers;
  }

  /** What a request of the operator carries. */
  get headers(): Record<string, string> {
    const token = sessionStorage.getItem(TOKEN_KEY);
    return token === null ? {} : { authorization: `Bearer ${token}` };
  }

  get hasToken(): boolean {
    return sessionStorage.getItem(TOKEN_KEY) !== null;
  }

  /** Goes on for as long as the page is there. */
  async run(): Promise<never> {
    for (;;) {
      const state = await this.#listen().catch((): FeedState => 'unreachable');
      this.#handlers.state(state);
      const wait = state === 'refused' ? REFUSED_RETRY_MS : this.#backoff.next();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, wait);
      });
    }
  }

  useToken(token: string): void {
    if (token === '') sessionStorage.removeItem(TOKEN_KEY);
    else sessionStorage.setItem(TOKEN_KEY, token);
    this.#connection.abort();
    this.#wake?.();
  }

  async #listen(): Promise<FeedState> {
    this.#connection = new AbortController();
    const connection = this.#connection;
    let silence = setTimeout(() => connection.abort(), SILENCE_MS);
    try {
      const response = await fetch('/api/v1/events', { cache: 'no-store', headers: this.headers, signal: connection.signal });
      if (response.status === 401 || response.status === 403 || response.status === 404) return 'refused';
      if (!response.ok || response.body === null) return 'unreachable';
      const reader = new SseReader();
      const pieces = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { value, done } = await pieces.read();
        if (done) return 'unreachable';
        clearTimeout(silence);
        silence = setTimeout(() => connection.abort(), SILENCE_MS);
        for (const event of reader.push(value)) this.#take(event);
      }
    } finally {
      clearTimeout(silence);
    }
  }

  #take({ name, data }: ServerEvent): void {
    if (name === 'history') this.#handlers.history(JSON.parse(data) as Record<string, Point[]>);
    if (name !== 'streams') return;
    this.#backoff.reset();
    this.#handlers.state('live');
    this.#handlers.streams(JSON.parse(data) as Streams);
  }
}
