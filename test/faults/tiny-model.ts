export { tiny as default } from '../train/tiny.ts';
