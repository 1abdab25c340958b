import { useEffect, useState } from 'preact/hooks';
import { DropPlace } from './frame/drops.tsx';
import { Guard } from './frame/guard.tsx';
import { Status } from './frame/status.tsx';
import { inTheMiddle, narrow, Tabs } from './frame/tabs.tsx';
import { EpochsView, idle, ModelView, StudioView, TrainView } from './later-views.ts';
import { engine, model, tab } from './state/store.ts';
import { InputView, prepareInput } from './views/input/input.tsx';
import { LatentView } from './views/latent/latent.tsx';
import { MapView } from './views/map/map.tsx';
import { Header } from './views/models/header.tsx';
import { Pinned } from './views/models/pinned.tsx';

/** The frame: the header, the input on the left, the map or another view in the middle, the latent on the right. */
export function App() {
  const shown = tab.value;
  const middle = inTheMiddle(shown);
  const hasLeft = useSeen(!narrow.value || shown === 'draw', prepareInput);
  const hasRight = useSeen(!narrow.value || shown === 'latent');
  // Where only one panel fits, the side panels are tabs like the others.
  const side = (name: string, tabName: string) =>
    narrow.value
      ? ({ role: 'tabpanel', 'aria-labelledby': `tab-${tabName}`, tabIndex: -1 } as const)
      : ({ role: 'region', 'aria-label': name } as const);
  return (
    <div class="frame" data-tab={shown} data-model={(engine.value && !model.value?.loading && model.value?.name) || ''}>
      <Header />
      <main class="body">
        <Pinned />
        <Tabs />
        <section id="left" class="area left" {...side('Input and reconstruction', 'draw')}>
          <Guard name="The input">{hasLeft && <InputView />}</Guard>
        </section>
        <div class="panel" id="panel" role="tabpanel" aria-labelledby={`tab-${middle}`} tabIndex={-1}>
          <div class="fill" hidden={middle !== 'map'}>
            <Guard name="The map">
              <MapView active={middle === 'map'} />
            </Guard>
          </div>
          <Guard key={middle} name="This view">
            {middle === 'studio' && <StudioView />}
            {middle === 'epochs' && <EpochsView />}
            {middle === 'train' && <TrainView />}
            {middle === 'model' && <ModelView />}
          </Guard>
        </div>
        <section id="right" class="area right" {...side('Latent and decoded image', 'latent')}>
          <Guard name="The latent">{hasRight && <LatentView />}</Guard>
        </section>
      </main>
      <Status />
      <DropPlace />
    </div>
  );
}

/**
 * Whether a side panel has been visible so far: a phone starts faster without the hidden ones.
 * @param prepare of a panel that is wanted as soon as the page has nothing else to do, such as for pasted pictures
 */
function useSeen(visible: boolean, prepare?: () => void): boolean {
  const [seen, setSeen] = useState(visible);
  const running = engine.value !== null;
  useEffect(() => {
    if (visible) setSeen(true);
    else if (prepare && running)
      void idle()
        .then(prepare)
        .then(idle)
        .then(() => setSeen(true));
  }, [visible, prepare, running]);
  return seen || visible;
}
