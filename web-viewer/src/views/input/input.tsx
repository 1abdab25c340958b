import { useEffect, useMemo } from 'preact/hooks';
import { setInputClass } from '../../state/explore.ts';
import { classes, inputLabel, model, reconstruction } from '../../state/store.ts';
import { draggedTo, take } from '../../state/takers.ts';
import { ClassChoice } from '../../ui/class-choice.tsx';
import { counted } from '../../ui/format.ts';
import { PixelImage } from '../../ui/pixel-image.tsx';
import { Canvas } from './canvas.tsx';
import { Code } from './code.tsx';
import { createDrawing } from './drawing.ts';
import { About, AnotherExample, Examples } from './examples.tsx';
import './input.css';
import { createPictureOpener } from './open-picture.ts';
import { ErrorMap, Unusual } from './result.tsx';
import { AboutFile, Centring, ColourMap, Colours, Files, Tools } from './tools.tsx';

const drawing = createDrawing();

/** Does what takes time of the view beforehand. */
export function prepareInput(): void {
  drawing.frame.peek();
}

/** An image (drawn, opened or taken from the test set), its code, and the image that the decoder makes of the code. */
export function InputView() {
  const opener = useMemo(() => createPictureOpener(drawing), []);
  useEffect(() => drawing.follow(), []);
  useEffect(() => take('picture', opener.open), [opener]);
  const { shape, conventions } = drawing.frame.value;
  const size = model.value?.card.latent.size;
  return (
    <div class={`stack input-view ${draggedTo.value === 'picture' ? 'takes' : ''}`}>
      <header>
        <h2>
          Input{' '}
          <span class="input-about">
            <About />
          </span>
        </h2>
        <p class="say">
          Draw {conventions.centred ? 'a digit' : 'something'}: the encoder turns it into{' '}
          {size ? counted(size, 'number') : 'a few numbers'}, and the decoder turns these into an image.
        </p>
      </header>
      <div class="stack input-picture">
        <Canvas drawing={drawing} />
        <Tools drawing={drawing} />
        <Colours drawing={drawing} />
        <div class="row">
          <AnotherExample />
          <Files opener={opener} />
        </div>
        <Centring drawing={drawing} />
        <AboutFile drawing={drawing} />
        <p class="input-trouble warn" role="status">
          {opener.problem.value}
        </p>
      </div>
      <Code />
      <figure class="stack input-picture">
        <PixelImage pixels={reconstruction.value} shape={shape} label="Reconstruction" />
        <figcaption>
          <b>Reconstruction</b> <span class="quiet">from the code</span>
        </figcaption>
      </figure>
      <InputClass />
      <Unusual />
      <Examples />
      <ColourMap />
      <ErrorMap />
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
