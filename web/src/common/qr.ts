import qrcode from 'qrcode-generator';
import { el } from '../../player/page/dom.js';
import { svg } from './svg';

/** Light modules around the code that readers need (ISO/IEC 18004 §6.3.8). */
const QUIET = 4;

/** Names under which a machine is reached from itself alone. */
const HERE = /^(localhost|127\.|\[::1\])/;

/** The code of a text, dark on light whatever the page's colours are. */
export function qrCode(text: string): SVGSVGElement {
  const code = qrcode(0, 'M');
  code.addData(text);
  code.make();
  const count = code.getModuleCount();
  const rows = Array.from({ length: count }, (_, y) => rowPath(y, count, (x) => code.isDark(y, x)));
  const size = count + 2 * QUIET;
  return svg('svg', { viewBox: `0 0 ${size} ${size}`, role: 'img', 'aria-label': `QR code of ${text}`, class: 'qr' },
    svg('rect', { width: size, height: size, fill: '#fff' }),
    svg('path', { d: rows.join(''), fill: '#000', 'shape-rendering': 'crispEdges' }));
}

/** The dark modules of one row, each as a square. */
export function rowPath(y: number, count: number, isDark: (x: number) => boolean): string {
  return Array.from({ length: count }, (_, x) => (isDark(x) ? `M${x + QUIET} ${y + QUIET}h1v1h-1z` : '')).join('');
}

/** Shows the code of an address until it is closed. */
export function showQr(title: string, address: string): void {
  const close = el('button', { type: 'submit' }, 'Close');
  const dialog = el('dialog', { class: 'qr-dialog', 'aria-label': title },
    el('form', { method: 'dialog' },
      el('h2', {}, title),
      qrCode(address),
      el('p', { class: 'address' }, address),
      ...(HERE.test(new URL(address).host)
        ? [el('p', { class: 'soft' }, 'A phone does not reach this address: open this page by the name or address that this machine has in the network.')]
        : []),
      close));
  dialog.addEventListener('close', () => dialog.remove());
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  dialog.showModal();
}
