import type { Playback } from '../../player/page/playback.js';

/** Shows the player to automated tests and to people at the console. */
export function expose(playback: Playback): void {
  Object.assign(window, {
    __player: {
      get protocol() { return playback.protocol; },
      get state() { return playback.state; },
      get settings() { return playback.settings; },
      stats: () => playback.stats(),
    },
  });
}
