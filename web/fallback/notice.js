/** What this page lacks, and how to get it. */
export const NOTICE =
  'Built without the player libraries: run scripts/run.sh (or `npm ci && npm run build` in web/) to get HLS, DASH and FLV players. ' +
  'This page plays WebSocket fMP4.';
