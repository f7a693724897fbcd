import { el } from '../../player/page/dom.js';

/** A browser that shows nothing by then will not. */
const PATIENCE_MS = 5000;

/** As wide as a still picture is shown on a dense screen, and no wider. */
const MAX_WIDTH = 640;

/** Draws the first picture of a small MP4, which the browser decodes. */
export async function drawStill(canvas: HTMLCanvasElement, file: Blob): Promise<void> {
  const url = URL.createObjectURL(file);
  const video = el('video', { muted: true, playsinline: true, preload: 'auto' });
  try {
    await new Promise<void>((resolve, reject) => {
      video.addEventListener('loadeddata', () => resolve());
      video.addEventListener('error', () => reject(new Error('not decoded')));
      setTimeout(() => reject(new Error('not decoded in time')), PATIENCE_MS);
      video.src = url;
    });
    const width = Math.min(video.videoWidth, MAX_WIDTH);
    [canvas.width, canvas.height] = [width, Math.round((width * video.videoHeight) / video.videoWidth)];
    const context = canvas.getContext('2d');
    context?.drawImage(video, 0, 0, canvas.width, canvas.height);
    // Where there was no picture after all, nothing has been drawn: what is drawn is opaque.
    if (context?.getImageData(0, 0, 1, 1).data[3] === 0) throw new Error('not drawn');
  } finally {
    video.removeAttribute('src');
    video.load();
    URL.revokeObjectURL(url);
  }
}
