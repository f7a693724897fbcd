import { Change } from './change.js';
import { Flow } from './flow.js';
import { Keyframes } from './keyframes.js';
import { Rungs } from './rungs.js';

/**
 * @typedef {object} RenditionOptions
 * @property {(picture: string | null) => string} address the WebSocket address of a rendition; null for the one that the server takes
 * @property {() => import('./rungs.js').Picture[]} [pictures] the renditions to choose from by the line's throughput; none leaves it as it is
 * @property {(mediaMs: number) => number | null} [ageMs] how long ago the server had that moment of the stream, as far as that is known
 * @property {() => Promise<number | null>} [serverMs] asks the server how far the stream is by now
 */

/** A rung of which no pictures come for this long, though maybe sound, is not made at present. */
const RUNG_SILENCE_MS = 3000;

/** Less is sound that waits for its pictures. */
const LAG_FROM_S = 0.1;

/** A keyframe can be had so long after the server has got it, and one that the server makes by so much later. */
const SENT_MS = 60;
const MADE_MS = 400;

/** Which rendition of a stream comes, and which is to come in its place. */
export class Renditions {
  #options;
  #listener;
  #rungs = new Rungs();
  #flow = new Flow(true);
  /** How far the present connection has come, milliseconds of the stream. */
  #newestMs = 0;
  /** When the last of the track that decides came. */
  #ledMs = 0;
  #isAsking = false;
  #keyframes = new Keyframes();
  /** Whether it is for the line that media is late. */
  #isThin = false;
  /** What is to play in the place of what plays. @type {Change | null} */
  change = null;

  /**
   * @param {RenditionOptions} options
   * @param {import('./connection.js').Listener} listener
   */
  constructor(options, listener) {
    this.#options = options;
    this.#listener = listener;
  }

  /** The address to play. */
  get url() {
    this.#look();
    return this.#options.address(this.#rungs.current);
  }

  /** The rendition to play, by choice of ours. */
  get picture() {
    return this.#rungs.current;
  }

  /** Seconds by which what will play comes later than what plays. */
  get lagS() {
    const lag = this.change?.seam.lagS ?? 0;
    return lag > LAG_FROM_S ? lag : 0;
  }

  /** A connection to {@link Renditions.url} begins. */
  begin() {
    this.drop();
    this.#flow = new Flow(this.#rungs.current === null);
    this.#keyframes = new Keyframes();
    this.#isThin = false;
    this.#ledMs = performance.now();
  }

  /** Gives up a change that is under way. */
  drop() {
    this.change?.close();
    this.change = null;
  }

  /**
   * Begins to go over to what is to play now.
   *
   * @param {import('./change.js').Reason} reason
   * @param {string | null} [picture]
   * @param {number | null} [untilMs] to the keyframe with which a rescue begins; null for the newest that there is
   */
  turn(reason, picture = this.#rungs.current, untilMs = null) {
    this.drop();
    this.change = new Change(this.#options.address(picture), reason, picture === null, this.#listener, untilMs);
  }

  /**
   * A fragment has come by the present connection.
   *
   * @param {import('./boxes.js').Fragment} fragment
   * @param {boolean} leads whether it is of the track that decides
   */
  arrived(fragment, leads) {
    this.#flow.arrived(performance.now(), fragment.bytes.byteLength, this.#age(fragment, leads));
    if (leads) [this.#newestMs, this.#ledMs] = [fragment.time * 1000, performance.now()];
    if (fragment.isVideo && fragment.isSync) this.#keyframes.came(fragment.time * 1000);
    this.change?.seam.fromOld(fragment);
  }

  /**
   * A fragment has come of what is to play.
   *
   * @param {Change} change
   * @param {import('./boxes.js').Fragment} fragment
   * @param {boolean} leads
   */
  approached(change, fragment, leads) {
    change.flow.arrived(performance.now(), fragment.bytes.byteLength, this.#age(fragment, leads));
    change.seam.fromNew(fragment);
  }

  /**
   * What to append from now on, if the moment to go over has come; the change is then made.
   *
   * @param {number} playheadS seconds of the stream
   */
  take(playheadS) {
    const { change } = this;
    if (change === null || (change.reason === 'trial' && !this.#isPassed(change))) return null;
    const splice = change.take(playheadS);
    if (splice === null) return null;
    this.change = null;
    this.#flow = change.flow;
    this.#ledMs = performance.now();
    return { ...splice, connection: change.connection, reason: change.reason };
  }

  /** Looks whether the line bears what plays, and whether it may bear more. */
  weigh() {
    if (this.change?.hasMissed) this.turn('rescue');
    if (this.change !== null || this.#isAsking) return;
    const now = performance.now();
    if (this.#look()) {
      this.turn('rescue');
      return;
    }
    if (!this.#rungs.doubts(now, this.#flow)) this.#isThin = false;
    else if (!this.#isThin) void this.#ask();
    else this.#goDown(now);
    if (this.change !== null) return;
    const better = this.#rungs.toTry(now, this.#flow);
    if (better !== null) this.turn('trial', better.id);
  }

  /** The server has left out what this viewer was too slow for. */
  lagged() {
    if (this.change?.reason !== 'rescue' && this.#rungs.down(performance.now(), this.#flow)) this.turn('rescue');
  }

  /**
   * Looks whether what plays still comes: a rung may have ended, or have been given up, where its source has not.
   *
   * @param {boolean} stands whether there is nothing left to play
   */
  watch(stands) {
    // Where nothing plays there is nothing to go on from without an interruption.
    if (stands && this.change?.reason === 'wish') this.change.reason = 'rescue';
    if (this.change !== null || this.#rungs.current === null) return;
    if (!this.#look() && performance.now() - this.#ledMs < RUNG_SILENCE_MS) return;
    this.#rungs.reset();
    this.turn('rescue');
  }

  /** The change that was under way does not come about. */
  failed() {
    if (this.change?.reason === 'trial') this.#rungs.tried(performance.now(), false);
    else if (this.change?.reason === 'rescue') this.#rungs.reset();
    this.drop();
  }

  /** What played has ended, maybe as a rung that is there no longer. */
  ended() {
    this.drop();
    this.#rungs.reset();
  }

  /** @returns {boolean} whether what plays is no longer among what there is to choose from */
  #look() {
    const { current } = this.#rungs;
    const pictures = this.#options.pictures?.() ?? [];
    this.#rungs.pictures = pictures;
    return pictures.length > 0 && this.#rungs.current !== current;
  }

  /**
   * @param {import('./boxes.js').Fragment} fragment
   * @param {boolean} leads
   */
  #age(fragment, leads) {
    return leads ? (this.#options.ageMs?.(fragment.time * 1000) ?? null) : null;
  }

  /**
   * Whether a trial has been passed, and what was tried is to play.
   *
   * @param {Change} change
   */
  #isPassed(change) {
    const verdict = this.#rungs.judge(change.forMs, change.seam.syncs, this.#flow, change.flow);
    if (verdict === null) {
      change.seam.trim();
      return false;
    }
    this.#rungs.tried(performance.now(), verdict);
    if (verdict) change.reason = 'wish';
    else this.drop();
    return verdict;
  }

  /** Whether what comes is late, or the stream itself: the server tells. */
  async #ask() {
    const flow = this.#flow;
    this.#isAsking = true;
    const serverMs = (await this.#options.serverMs?.().catch(() => null)) ?? null;
    this.#isAsking = false;
    if (serverMs === null || this.#flow !== flow || this.change !== null) return;
    this.#isThin = this.#rungs.blames(performance.now(), flow, serverMs - this.#newestMs - flow.ordinaryMs);
  }

  /** @param {number} now */
  #goDown(now) {
    const around = this.#around();
    const moment = this.#rungs.moment(now, this.#flow, around);
    if (moment === null || !this.#rungs.down(now, this.#flow)) return;
    this.turn('rescue', this.#rungs.current, moment === 'next' && around !== null ? around.untilMs : null);
  }

  /** Where the keyframes lie that a new connection can begin with. */
  #around() {
    const ageMs = this.#options.ageMs?.(this.#newestMs) ?? null;
    return ageMs === null ? null : this.#keyframes.around(this.#newestMs + ageMs - (this.#rungs.areMade ? MADE_MS : SENT_MS));
  }
}
