// What hls.js 1.7.4 does not do right for us, mended by classes of its own that it takes in its configuration.

import Hls, { AudioStreamController, BufferController, Events } from 'hls.js';
import type { BufferCodecsData, FragmentTracker, InitPTSFoundData, LevelDetails, MediaFragment } from 'hls.js';

/** What `FragmentTracker` says of a segment of which all is in the buffer. */
const WHOLE = 'OK';
/** The state of `AudioStreamController` while it has sound and no time for it. */
const WAITING_FOR_PICTURE = 'WAITING_INIT_PTS';

/**
 * When a segment ends while hls.js 1.7.4 is busy with its last part but one, the library takes the segment for buffered as a whole: it loads
 * neither the last part nor anything after it, until the segment after the next. So a segment with a part that is missing behind one that is
 * there is forgotten, and its loading goes on with that part.
 */
export function loadToTheEnd(
  tracker: Pick<FragmentTracker, 'getState' | 'removeFragment'>,
  segment: MediaFragment | null,
  { partList }: Pick<LevelDetails, 'partList'>,
): MediaFragment | null {
  if (segment === null || (tracker.getState(segment) as string) !== WHOLE) return segment;
  const parts = partList?.filter(({ fragment }) => fragment.sn === segment.sn) ?? [];
  if (parts.some((part, n) => !part.loaded && !part.gap && parts[n - 1]?.loaded)) tracker.removeFragment(segment);
  return segment;
}

export class CompletePictures extends Hls.DefaultConfig.streamController {
  protected override getNextFragment(position: number, details: LevelDetails): MediaFragment | null {
    return loadToTheEnd(this.fragmentTracker, super.getNextFragment(position, details), details);
  }
}

/**
 * Sound of hls.js 1.7.4 that arrives before the first picture of its period waits for that picture's time. The library looks for it up to a
 * tenth of a second later; if a further part of the sound is there by then, that one goes first, and no sound is loaded any more. So this looks
 * at once.
 */
export class PromptAudio extends AudioStreamController {
  protected override getNextFragment(position: number, details: LevelDetails): MediaFragment | null {
    return loadToTheEnd(this.fragmentTracker, super.getNextFragment(position, details), details);
  }

  override onInitPtsFound(event: Events.INIT_PTS_FOUND, data: InitPTSFoundData): void {
    super.onInitPtsFound(event, data);
    if (this.state === WAITING_FOR_PICTURE) this.tick();
  }
}

/**
 * Where a stream changes its codecs, hls.js 1.7.4 goes by the init segment and not by the multivariant playlist, which it has read long before;
 * but it reads `opus` there, and knows it by the name of `Opus` alone, so that it keeps the old codec. The first to hear of codecs is this.
 */
export class OpusByName extends BufferController {
  constructor(hls: Hls, fragments: FragmentTracker) {
    hls.on(Events.BUFFER_CODECS, (_: Events.BUFFER_CODECS, { audio }: BufferCodecsData) => {
      if (audio?.codec === 'opus') audio.codec = 'Opus';
    });
    super(hls, fragments);
  }
}
