/**
 * Makes an element. Text never becomes markup.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | boolean>} [attributes] `false` leaves one out
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children);
  return element;
}

/**
 * Puts text in place only when it changed, so that screen readers and the layout stay calm.
 *
 * @param {HTMLElement} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {string} text */
export function banner(text) {
  return el('header', { class: 'top' }, el('a', { href: '/', class: 'brand' }, 'Sluicegate'), el('span', {}, text));
}

/**
 * @param {string} text shown when the page lacks the player libraries
 */
export function noticeBox(text) {
  return el('p', { class: 'notice', role: 'note' }, text);
}

/** @param {number | null | undefined} ms */
export function duration(ms) {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return '–';
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const pad = (/** @type {number} */ n) => String(n).padStart(2, '0');
  const clock = `${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`;
  return seconds >= 3600 ? `${Math.floor(seconds / 3600)}:${clock}` : clock;
}

/** @param {import('../wire.js').Track} track */
export function describeTrack(track) {
  const parts = [track.name, track.language, track.codec_name ?? track.codec].filter((part) => part !== undefined);
  if (track.width && track.height) parts.push(`${track.width}×${track.height}`);
  if (track.frame_rate) parts.push(`${Math.round(track.frame_rate * 100) / 100} fps`);
  if (track.sample_rate) parts.push(`${track.sample_rate / 1000} kHz`);
  if (track.channels) parts.push(track.channels === 1 ? 'mono' : track.channels === 2 ? 'stereo' : `${track.channels} channels`);
  if (track.bit_rate) parts.push(bitRate(track.bit_rate));
  if (track.left_out) parts.push(track.left_out === 'keyframes' ? 'not in HLS and DASH: its keyframes miss' : 'not in HLS and DASH');
  return parts.join(' · ');
}

/** @param {number} bitsPerSecond */
function bitRate(bitsPerSecond) {
  return bitsPerSecond >= 1_000_000 ? `${(bitsPerSecond / 1_000_000).toFixed(1)} Mb/s` : `${Math.round(bitsPerSecond / 1000)} kb/s`;
}
