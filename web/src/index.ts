import '../player/page/page.css';
import { startListPage } from '../player/page/list.js';

startListPage({ notice: null });
