import { watchForm } from '../../player/page/by-name.js';
import { el, setText } from '../../player/page/dom.js';
import { Card } from './card';
import { Feed, type FeedState } from './feed';
import { hint } from './hint';
import { History } from './history';
import { bitRate, count } from '../common/numbers';
import { nameOf, viewersOf, type Streams, type StreamStatus } from './status';

const STATES: Record<FeedState, string> = {
  connecting: 'Asking what is live…',
  live: 'Up to date',
  refused: 'Locked',
  unreachable: 'The gateway does not answer; trying again',
};

/** The page at `/`: what is live, and how it does. */
export class Console {
  #history = new History();
  #cards = new Map<string, Card>();
  #feed = new Feed({
    streams: (told) => this.#show(told),
    history: (told) => this.#history.begin(told),
    state: (state) => this.#showState(state),
  });
  #state = el('p', { class: 'feed connecting', role: 'status' }, STATES.connecting);
  #summary = el('p', { class: 'summary' });
  #list = el('div', { class: 'cards' });
  #hint = el('div', {});
  #refusal = el('p', { class: 'problem', role: 'alert', hidden: true }, 'This token does not open the list.');
  #token = this.#tokenForm();

  start(): void {
    document.body.replaceChildren(
      el('header', { class: 'top' },
        el('a', { href: '/', class: 'brand' }, 'Sluicegate'), this.#summary, this.#state),
      el('main', {}, el('h1', { class: 'unseen' }, 'Live streams'), this.#list, this.#hint, this.#token, watchForm()),
      el('footer', {}, el('a', { href: '/assets/licenses.md' }, 'Licences of the libraries in these pages')),
    );
    void this.#feed.run();
  }

  #showState(state: FeedState): void {
    setText(this.#state, STATES[state]);
    this.#state.className = `feed ${state}`;
    this.#token.hidden = state !== 'refused';
    // What is shown is old by then.
    this.#list.classList.toggle('old', state === 'unreachable');
    this.#refusal.hidden = !this.#feed.hasToken;
    if (state !== 'refused') return;
    this.#list.replaceChildren();
    this.#hint.replaceChildren();
    this.#cards.clear();
    setText(this.#summary, '');
  }

  #show({ streams, publish }: Streams): void {
    const there = streams.filter(({ state }) => state !== 'ended');
    this.#history.add(there);
    const names = new Set(there.map(nameOf));
    for (const [name, card] of this.#cards) {
      if (names.has(name)) continue;
      card.element.remove();
      this.#cards.delete(name);
    }
    there.forEach((stream, at) => {
      const card = this.#cards.get(nameOf(stream)) ?? new Card(stream, publish);
      this.#cards.set(nameOf(stream), card);
      card.show(stream, this.#history.of(stream));
      card.thumbnail.follow(stream, this.#feed.headers);
      // Moved only when it is not in its place: a move takes the focus.
      if (this.#list.children[at] !== card.element) this.#list.insertBefore(card.element, this.#list.children[at] ?? null);
    });
    if (there.length > 0) this.#hint.replaceChildren();
    else if (this.#hint.childElementCount === 0) this.#hint.append(hint(publish));
    setText(this.#summary, summary(there));
  }

  #tokenForm(): HTMLElement {
    const field = el('input', { id: 'token', type: 'password', autocomplete: 'off' });
    const form = el('form', { class: 'bar' },
      el('label', { for: 'token' }, 'Admin token'), field, el('button', { type: 'submit' }, 'Show the list'));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#feed.useToken(field.value);
    });
    return el('section', { class: 'hint', hidden: true },
      el('h2', {}, 'This list is for operators'),
      el('p', { class: 'soft' }, 'It opens with the gateway’s admin token (admin_token in its configuration), or on its admin address.'),
      form,
      this.#refusal,
      el('p', { class: 'soft' }, 'To watch a stream, its name is enough: write it below.'));
  }
}

function summary(streams: readonly StreamStatus[]): string {
  if (streams.length === 0) return '';
  const troubled = streams.filter(({ warnings }) => warnings.length > 0).length;
  const sum = (of: (stream: StreamStatus) => number | null) => streams.reduce((total, stream) => total + (of(stream) ?? 0), 0);
  return [
    `${streams.filter(({ state }) => state === 'live').length} live`,
    ...(troubled === 0 ? [] : [`${troubled} with warnings`]),
    count(sum(viewersOf), 'viewer'),
    `${bitRate(sum(({ figures }) => figures.in_bit_rate))} in`,
    `${bitRate(sum(({ figures }) => figures.out_bit_rate))} out`,
  ].join(' · ');
}
