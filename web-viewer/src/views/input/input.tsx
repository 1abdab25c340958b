import { useEffect, useRef, useState } from 'preact/hooks';
import { tellClass } from '../../state/explore.ts';
import { classes, inputLabel, model } from '../../state/store.ts';
import { ClassChoice } from '../../ui/class-choice.tsx';
import { Canvas } from './canvas.tsx';
import { startEasel } from './drawing.ts';
import { About, AnotherExample, Examples } from './examples.tsx';
import { LatentBars } from './latent-bars.tsx';
import './input.css';
import { trouble } from './open-picture.ts';
import { takePictures } from './pictures-in.ts';
import { ErrorMap, Reconstruction, Unusual } from './result.tsx';
import { conventions } from './settings.ts';
import { AboutFile, Centring, Colours, Files, Tools } from './tools.tsx';

/** The input image (drawn, opened or taken from the test set) and its reconstruction. */
export function InputView() {
  const element = useRef<HTMLDivElement>(null);
  const [hovers, setHovers] = useState(false);
  useEffect(startEasel, []);
  useEffect(() => (element.current ? takePictures(element.current, setHovers) : undefined), []);
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
          Draw {digits}: the model reconstructs it from {size ?? 'a few'} numbers.
        </p>
      </header>
      <div class="input-picture">
        <Canvas />
        <Tools />
        <Colours />
        <Centring />
        <AboutFile />
        <p class="input-trouble" role="status">
          {trouble.value}
        </p>
      </div>
      <Reconstruction />
      <Told />
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

/** The class given to a conditional model with the image. */
function Told() {
  const { encoder = false, decoder = false } = model.value?.card.conditional ?? {};
  if (!classes.value || !(encoder || decoder)) return null;
  return (
    <ClassChoice
      name={`Class for the ${encoder && decoder ? 'model' : encoder ? 'encoder' : 'decoder'}: try others`}
      classes={classes.value}
      chosen={inputLabel.value}
      onChoose={tellClass}
    />
  );
}
