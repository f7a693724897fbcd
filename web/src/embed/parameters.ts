import { findProtocol, type ProtocolId } from '../../player/address.js';

/** How a player that is part of another page is to look and to begin. */
export interface Parameters {
  autoplay: boolean;
  muted: boolean;
  controls: boolean;
  protocol: ProtocolId | null;
}

/** Reads `autoplay`, `muted`, `controls` (0 or 1) and `protocol` from a query. */
export function parseParameters(search: string): Parameters {
  const query = new URLSearchParams(search);
  const flag = (name: string, otherwise: boolean) => {
    const value = query.get(name);
    return value === null ? otherwise : !['0', 'false', 'no'].includes(value);
  };
  return {
    autoplay: flag('autoplay', true),
    muted: flag('muted', false),
    controls: flag('controls', true),
    protocol: findProtocol(query.get('protocol'))?.id ?? null,
  };
}
