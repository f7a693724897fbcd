import { parseStreamName, watchPath } from '../address.js';
import { el, setText } from './dom.js';

/** A form that leads to the watch page of a stream whose name is known. */
export function watchForm() {
  const field = el('input', { id: 'stream', type: 'text', placeholder: 'live/demo', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false' });
  const problem = el('p', { class: 'problem', role: 'alert', hidden: true });
  const form = el('form', { class: 'bar' }, el('label', { for: 'stream' }, 'Watch a stream by name'), field, el('button', { type: 'submit' }, 'Watch'));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const stream = parseStreamName(field.value);
    problem.hidden = stream !== null;
    if (stream === null) setText(problem, 'Write the app and the name, such as live/demo.');
    else location.assign(watchPath(stream));
  });
  return el('section', { class: 'by-name' }, form, problem);
}
