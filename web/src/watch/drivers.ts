import { builtInDrivers, type Driver, type DriverContext, type DriverEntry, type Drivers } from '../../player/page/drivers.js';
import { mediaSourceClass } from '../../player/session.js';

/** A driver whose library is fetched only when it is chosen. */
function lazy(open: (context: DriverContext) => Promise<Driver>): DriverEntry {
  return { isSupported: () => mediaSourceClass() !== null, open };
}

/** All that the pages of the gateway can play. */
export const drivers: Drivers = {
  ...builtInDrivers,
  'hls': lazy(async (context) => (await import('../drivers/hls')).open(context)),
  'dash': lazy(async (context) => (await import('../drivers/dash')).open(context)),
  'http-flv': lazy(async (context) => (await import('../drivers/flv')).open(context)),
  'ws-flv': lazy(async (context) => (await import('../drivers/flv')).open(context)),
  'hls-shaka': lazy(async (context) => (await import('../drivers/shaka')).open(context)),
  'dash-shaka': lazy(async (context) => (await import('../drivers/shaka')).open(context)),
};
