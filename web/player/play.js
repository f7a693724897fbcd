/**
 * Asks the browser to play; without a gesture it may allow that only without sound.
 *
 * @param {HTMLVideoElement} video
 * @param {() => boolean} [isWanted] whether it is still to play when the browser has refused the sound
 */
export function play(video, isWanted = () => true) {
  video.play().catch((/** @type {unknown} */ error) => {
    if (!(error instanceof DOMException) || error.name !== 'NotAllowedError' || video.muted || !isWanted()) return;
    video.muted = true;
    play(video, isWanted);
  });
}
