import { render } from 'preact';
import './style/tokens.css';
import './style/base.css';
import './style/frame.css';
import { App } from './app.tsx';
import { boot } from './boot.ts';
import { keepOffline } from './frame/offline.ts';
import { loadViews } from './later-views.ts';

const root = document.getElementById('app');
if (!root) throw new Error('the page has no #app element');
void boot();
// A task of its own, so that a slow phone stays responsive.
setTimeout(() => {
  root.replaceChildren();
  render(<App />, root);
  void keepOffline(loadViews);
});
