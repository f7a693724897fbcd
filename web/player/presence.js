/**
 * Asks whether a stream exists. A failed WebSocket does not tell.
 *
 * @param {string} infoUrl the stream's description
 * @param {AbortSignal} signal
 * @returns {Promise<boolean | null>} null when the server gives no clear answer
 */
export async function isThere(infoUrl, signal) {
  try {
    const response = await fetch(infoUrl, { cache: 'no-store', signal });
    if (response.ok) return (await response.json()).state !== 'ended';
    await response.body?.cancel();
    return response.status === 404 ? false : null;
  } catch {
    return null;
  }
}
