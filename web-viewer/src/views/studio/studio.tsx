import './studio.css';
import type { ComponentType } from 'preact';
import { useState } from 'preact/hooks';
import { model, type OpenModel } from '../../state/store.ts';
import { share } from '../../state/url.ts';
import { Check } from '../../ui/controls.tsx';
import { Hint } from '../../ui/figure.tsx';
import { Arithmetic } from './arithmetic.tsx';
import { createStudio, type Studio } from './create-studio.ts';
import { InputInEveryClass } from './input-in-every-class.tsx';
import { firstColumns, GRID, toggleColumn } from './latents.ts';
import { Pictures } from './pictures.tsx';
import { RandomTools, useRandomLatents } from './random-latents.tsx';
import { SampleGrid } from './sample-grid.tsx';

/** Makes the view of a studio whose groups stay, also in the address, while other views are shown. */
export function createStudioView(): ComponentType {
  const studio = createStudio();
  share(...studio.parameters);
  return () => <StudioView studio={studio} />;
}

/** One latent decoded with every class of a conditional model. */
function StudioView({ studio }: { readonly studio: Studio }) {
  const opened = model.value;
  return (
    <div class="wide-view studio">
      <h2>{opened?.card.conditional.decoder ? 'One style, every class' : 'Make images'}</h2>
      {!opened && <p class="say">Loading the model.</p>}
      {opened && !opened.card.conditional.decoder && (
        <LatentStudio key={opened.source} opened={opened} studio={studio} />
      )}
      {opened?.card.conditional.decoder && <ConditionalStudio key={opened.source} opened={opened} />}
    </div>
  );
}

function ConditionalStudio({ opened }: { readonly opened: OpenModel }) {
  const classes = opened.card.classes ?? [];
  const [columns, setColumns] = useState(() => firstColumns(classes.length));
  return (
    <>
      <p class="say">
        This decoder takes the class in addition to the latent, so the latent only needs to hold the style: for a digit,
        its slant, width and stroke. Draw an image or choose an example to see it in every class.
      </p>
      {classes.length > GRID && <ColumnChoice classes={classes} columns={columns} onChoose={setColumns} />}
      <section class="stack">
        <h3>Your image in every class</h3>
        <InputInEveryClass opened={opened} columns={columns} />
      </section>
      <section class="stack">
        <h3>Random styles in every class</h3>
        <p class="say">
          Each row is one random latent, each column one class. Press an image to send its latent and class to the
          sliders.
        </p>
        <SampleGrid opened={opened} columns={columns} />
      </section>
    </>
  );
}

/** Random images, in rows that the widths of a page divide evenly. */
const RANDOM = 40;
const numbers = Array.from({ length: RANDOM }, (_, i) => String(i + 1));

/** For models without classes: random latents, and arithmetic with the means of groups of images. */
function LatentStudio({ opened, studio }: { readonly opened: OpenModel; readonly studio: Studio }) {
  const latents = useRandomLatents(opened.card, RANDOM);
  return (
    <>
      <section class="stack">
        <h3>Random images</h3>
        <p class="say">Each is decoded from a random latent. Press one to send its latent to the sliders.</p>
        <div class="row grid-tools">
          <RandomTools />
        </div>
        <Pictures opened={opened} latents={latents} names={numbers} />
      </section>
      <section class="stack">
        <h3>
          Attribute arithmetic{' '}
          <Hint
            about="the difference of two groups"
            text="The mean latent of B minus the mean latent of A is a direction: what the images of B have and those of A do not. Added to the latent of any image, it changes that image in this respect. Select images with the lasso on the map, then choose “the map’s selection” here."
          />
        </h3>
        <Arithmetic opened={opened} studio={studio} />
      </section>
    </>
  );
}

interface ColumnProps {
  readonly classes: readonly string[];
  readonly columns: readonly number[];
  readonly onChoose: (columns: readonly number[]) => void;
}

/** Selects the shown classes where there are more classes than columns. */
function ColumnChoice({ classes, columns, onChoose }: ColumnProps) {
  return (
    <details class="column-choice">
      <summary>
        {columns.length} of {classes.length} classes shown: choose up to {GRID}
      </summary>
      <fieldset class="classes">
        <legend class="visually-hidden">Shown classes</legend>
        {classes.map((name, index) => (
          <Check
            key={name}
            checked={columns.includes(index)}
            disabled={!columns.includes(index) && columns.length >= GRID}
            onChoose={() => onChoose(toggleColumn(columns, index))}
          >
            {name}
          </Check>
        ))}
      </fieldset>
    </details>
  );
}
