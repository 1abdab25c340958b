import { useEffect, useRef, useState } from 'preact/hooks';
import { tellClass } from '../../state/explore.ts';
import { classes, inputLabel, model } from '../../state/store.ts';
import { ClassChoice } from '../../ui/class-choice.tsx';
import { Canvas } from './canvas.tsx';
import { CodeBars } from './code-bars.tsx';
import { startEasel } from './easel.ts';
import { About, AnotherExample, Examples } from './examples.tsx';
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
          Draw {digits}: the model repaints it from {size ?? 'a few'} numbers alone.
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
      <CodeBars />
    </div>
  );
}

/** The class given to a conditional model with the image. */
function Told() {
  const { encoder = false, decoder = false } = model.value?.card.conditional ?? {};
  if (!classes.value || !(encoder || decoder)) return null;
  return (
    <ClassChoice
      name={`The ${encoder && decoder ? 'model' : encoder ? 'encoder' : 'decoder'} is told this class: try others`}
      classes={classes.value}
      chosen={inputLabel.value}
      onChoose={tellClass}
    />
  );
}
