import { useEffect } from 'preact/hooks';
import { classes, conditional, decoded, label, model } from '../../state/store.ts';
import { ClassChoice } from '../../ui/class-choice.tsx';
import { DecodedImage, saveDecoded } from './decoded-image.tsx';
import './latent.css';
import { Between } from './between.tsx';
import { followStrips } from './latent-state.ts';
import { Sliders } from './sliders.tsx';
import { ActiveStrip } from './strip.tsx';
import { Tools } from './tools.tsx';

/** The panel on the right: the decoded image, a slider for each latent dimension, and interpolation. */
export function LatentView() {
  useEffect(followStrips, []);
  const opened = model.value;
  return (
    <div class="latent">
      <header>
        <div class="row spread">
          <h2>Change the code</h2>
          <button type="button" class="button small" onClick={() => void saveDecoded()} disabled={!decoded.value}>
            Save PNG
          </button>
        </div>
        <p class="say">
          Below is the image decoded from the {opened?.card.latent.size} sliders, which start at the input’s code. Move
          one.
        </p>
      </header>
      <DecodedImage />
      <Tools />
      {opened && conditional.value && classes.value && (
        <ClassChoice
          name="Class for the decoder"
          classes={classes.value}
          chosen={label.value}
          onChoose={(index) => {
            label.value = index;
          }}
        />
      )}
      {opened && (
        <>
          <ActiveStrip />
          <Sliders />
          <Between key={opened.name} model={opened} />
        </>
      )}
    </div>
  );
}
