import { builtInDrivers } from '../player/page/drivers.js';
import { startWatchPage } from '../player/page/watch.js';
import { NOTICE } from './notice.js';

startWatchPage({ drivers: builtInDrivers, notice: NOTICE, licenses: null });
