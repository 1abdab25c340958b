import { useEffect, useMemo } from 'preact/hooks';
import { classes, conditional, decoded, label, model } from '../../state/store.ts';
import { ClassChoice } from '../../ui/class-choice.tsx';
import { Button, setter } from '../../ui/controls.tsx';
import { Between } from './between.tsx';
import { createLatent, LatentContext } from './create-latent.ts';
import { DecodedImage, saveDecoded } from './decoded-image.tsx';
import './latent.css';
import { Sliders } from './sliders.tsx';
import { ActiveStrip } from './strip.tsx';
import { Tools } from './tools.tsx';

/** The panel on the right: the decoded image, a slider for each latent dimension, and interpolation. */
export function LatentView() {
  const latent = useMemo(createLatent, []);
  useEffect(latent.followStrips, [latent]);
  useEffect(latent.between.follow, [latent]);
  const opened = model.value;
  return (
    <LatentContext value={latent}>
      <div class="stack latent">
        <header>
          <div class="row spread">
            <h2>Change the code</h2>
            <Button class="button small" onClick={saveDecoded} disabled={!decoded.value}>
              Save PNG
            </Button>
          </div>
          <p class="say">The sliders start at the input’s code. Move one, and watch the decoded image.</p>
        </header>
        <DecodedImage />
        <Tools />
        {opened && conditional.value && classes.value && (
          <ClassChoice
            name="Class for the decoder"
            classes={classes.value}
            chosen={label.value}
            onChoose={setter(label)}
          />
        )}
        {opened && (
          <>
            <ActiveStrip />
            <Sliders />
            <Between model={opened} />
          </>
        )}
      </div>
    </LatentContext>
  );
}
