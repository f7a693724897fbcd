import { startListPage } from '../player/page/list.js';
import { NOTICE } from './notice.js';

startListPage({ notice: NOTICE });
