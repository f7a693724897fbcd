import { el, setText } from '../../player/page/dom.js';

/** How long a button says what it has done. */
const TELL_MS = 1500;

/** A line with something to copy: a name, the text itself, and the button. */
export function copyRow(name: string, text: string): HTMLElement {
  const field = el('input', { type: 'text', readonly: true, value: text, 'aria-label': name });
  field.addEventListener('focus', () => field.select());
  const button = el('button', { type: 'button', class: 'quiet', 'aria-label': `Copy: ${name}` }, 'Copy');
  button.addEventListener('click', () => void copy(field, button));
  return el('div', { class: 'copy' }, el('span', {}, name), field, button);
}

async function copy(field: HTMLInputElement, button: HTMLButtonElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(field.value);
    setText(button, 'Copied');
  } catch {
    // Pages without TLS have no clipboard: leave the text selected for the keyboard.
    field.select();
    setText(button, 'Selected');
  }
  setTimeout(() => setText(button, 'Copy'), TELL_MS);
}
