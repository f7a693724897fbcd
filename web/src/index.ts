import './style/base.css';
import './style/console.css';
import { Console } from './console/page';

new Console().start();
