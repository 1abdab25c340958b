import { useEffect, useRef, useState } from 'preact/hooks';
import { setInputClass } from '../../state/explore.ts';
import { classes, inputLabel, model } from '../../state/store.ts';
import { ClassChoice } from '../../ui/class-choice.tsx';
import { Canvas } from './canvas.tsx';
import { followInput } from './drawing.ts';
import { About, AnotherExample, Examples } from './examples.tsx';
import { LatentBars } from './latent-bars.tsx';
import './input.css';
import { acceptPictures, pictureProblem } from './open-picture.ts';
import { ErrorMap, Reconstruction, Unusual } from './result.tsx';
import { conventions } from './settings.ts';
import { AboutFile, Centring, Colours, Files, Tools } from './tools.tsx';

/** The input image (drawn, opened or taken from the test set) and its reconstruction. */
export function InputView() {
  const element = useRef<HTMLDivElement>(null);
  const [hovers, setHovers] = useState(false);
  useEffect(followInput, []);
  useEffect(() => (element.current ? acceptPictures(element.current, setHovers) : undefined), []);
  const size = model.value?.card.latent.size;
  const digits = conventions.value.centred ? 'a digit' : 'something';
  return (
    <div ref={element} class={`input-view ${hovers ? 'takes' : ''}`}>
      <header>
        <h2>
          Input{' '}
          <span class="input-about">
            <About />
          </span>
        </h2>
        <p class="say">
          Draw {digits}: the model reconstructs it from {size ?? 'a few'} latent dimensions.
        </p>
      </header>
      <div class="input-picture">
        <Canvas />
        <Tools />
        <Colours />
        <Centring />
        <AboutFile />
        <p class="input-trouble" role="status">
          {pictureProblem.value}
        </p>
      </div>
      <Reconstruction />
      <InputClass />
      <Unusual />
      <div class="input-picture">
        <Examples />
        <div class="row">
          <AnotherExample />
          <Files />
        </div>
      </div>
      <ErrorMap />
      <LatentBars />
    </div>
  );
}

/** The class that a conditional model takes with the image. */
function InputClass() {
  const { encoder = false, decoder = false } = model.value?.card.conditional ?? {};
  if (!classes.value || !(encoder || decoder)) return null;
  return (
    <ClassChoice
      name={`Class for the ${encoder && decoder ? 'model' : encoder ? 'encoder' : 'decoder'}: try others`}
      classes={classes.value}
      chosen={inputLabel.value}
      onChoose={setInputClass}
    />
  );
}
