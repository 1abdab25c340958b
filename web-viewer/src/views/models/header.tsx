import { chooseTheme, theme, themes } from '../../state/theme.ts';
import { Button } from '../../ui/controls.tsx';
import { useCopiedLink } from '../../ui/use-copied-link.ts';
import { About } from './about.tsx';
import './header.css';
import { Icon } from './icons.tsx';
import { OpenMenu } from './open-menu.tsx';
import { Switcher } from './switcher.tsx';

/** The site's name, the model switcher, and the page's actions. */
export function Header() {
  return (
    <header class="head">
      <Button class="skip" onClick={skip}>
        Skip to the view
      </Button>
      <h1>
        <Mark />
        <span class="name">convae</span>
      </h1>
      <Switcher />
      <div class="actions">
        <About />
        <OpenMenu />
        <CopyLink />
        <ThemeButton />
      </div>
    </header>
  );
}

/** Not a link: the address holds the state. */
function skip(): void {
  const shown = [...document.querySelectorAll<HTMLElement>('[role=tabpanel]')].find((view) => view.offsetParent);
  shown?.focus();
}

function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
      <path d="M2 4l11 7v10L2 28Z" />
      <path d="M30 4l-11 7v10l11 7Z" />
      <path class="latent" d="M16 11v10" />
    </svg>
  );
}

function CopyLink() {
  const [copied, copy] = useCopiedLink();
  const text = { no: 'Copy link', yes: 'Copied', failed: 'Copying failed' }[copied];
  return (
    <Button
      class="action copy"
      title="Copy a link to this view: the model, the image, the latent and the tab"
      onClick={copy}
    >
      <Icon name={copied === 'yes' ? 'done' : 'link'} />
      <span class="word" aria-live="polite">
        {text}
      </span>
    </Button>
  );
}

function ThemeButton() {
  const current = theme.value;
  const next = themes[(themes.indexOf(current) + 1) % themes.length] ?? 'auto';
  return (
    <Button
      class="action"
      title={`Colours: ${current === 'auto' ? 'system setting' : current}`}
      aria-label={`Theme: ${current}. Change to ${next}`}
      onClick={() => chooseTheme(next)}
    >
      <Icon name={current} />
    </Button>
  );
}
