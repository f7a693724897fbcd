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

/** What a page needs to show a stream, from the address of its embedded player. */
export function embedRows(embed: string): HTMLElement[] {
  const url = new URL(embed);
  const source = url.href.replace('/embed/', '/');
  const script = `<script type="module" src="${url.origin}/sluicegate-player.js"></script>`;
  return [
    copyRow('Frame', `<iframe src="${embed}" allow="autoplay; fullscreen; picture-in-picture" width="640" height="360"></iframe>`),
    copyRow('Component', `${script}<sluicegate-player src="${source}" autoplay muted controls></sluicegate-player>`),
  ];
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
