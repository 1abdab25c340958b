import { input, model } from '../../state/store.ts';
import { Button, Check, Range, Select, setter } from '../../ui/controls.tsx';
import { Hint } from '../../ui/figure.tsx';
import { FileButton } from '../../ui/file-button.tsx';
import { counted, dataName, grouped, ofSplit } from '../../ui/format.ts';
import { PixelImage } from '../../ui/pixel-image.tsx';
import { MAX_OWN, MAX_SAMPLE, MIN_SAMPLE, type OwnImage, type TrainImages } from './images.ts';

interface Props {
  readonly images: TrainImages;
}

/** The visitor's images that are shown, the newest first. */
const MAX_TILES = 60;

/** The training images: the visitor's, and a sample of the set. */
export function PickedImages({ images }: Props) {
  return (
    <section class="stack" aria-labelledby="train-images">
      <h3 id="train-images">Training images</h3>
      <Sample images={images} />
      <Own images={images} />
    </section>
  );
}

function Sample({ images: { includeSample, noSample, sampleSeed, sampleSize } }: Props) {
  const about = model.value?.set?.about;
  if (noSample.value !== null || !about) return <p class="say">{noSample.value}</p>;
  const most = Math.min(MAX_SAMPLE, about.images);
  const least = Math.min(MIN_SAMPLE, most);
  const size = Math.min(most, sampleSize.value);
  return (
    <div class="train-sample">
      <div class="row train-about">
        <Check class="row" checked={includeSample.value} onChoose={setter(includeSample)}>
          <span>
            <b>{grouped(size)}</b> random images of {dataName(about.name)}
          </span>
        </Check>
        <Hint
          about="the random images"
          text={`They are taken from this page’s ${ofSplit(about.split, 'images')}. Do not test the model on them afterwards: losses on training images are too optimistic.`}
        />
      </div>
      <Range
        aria-label="Number of random images"
        min={least}
        max={most}
        step={most - least >= 8 ? 8 : 1}
        value={size}
        disabled={!includeSample.value}
        onChoose={setter(sampleSize)}
      />
      <Button disabled={!includeSample.value} onClick={() => (sampleSeed.value += 1)}>
        Choose others
      </Button>
    </div>
  );
}

function Own({ images }: Props) {
  const { adding, addFiles, addInput, isAdded, note, own } = images;
  const image = input.value;
  const count = own.value.length;
  const full = count >= MAX_OWN;
  const useless = !image || isAdded.value || full;
  const about = full
    ? `The limit is ${grouped(MAX_OWN)} images.`
    : count === 0
      ? 'Draw something and add it, or drop or paste images here.'
      : `${counted(count, 'image')} of yours.`;
  return (
    <div class="row train-own">
      <Button aria-disabled={useless} onClick={() => image && !useless && addInput(image)}>
        {image && isAdded.value ? 'Input image added' : 'Add the input image'}
      </Button>
      <FileButton name="Images…" accept="image/*" onFiles={(files) => void addFiles(files)} />
      <FileButton name="A folder…" folder onFiles={(files) => void addFiles(files)} />
      <p class="say" aria-live="polite">
        {adding.value ? `Reading image ${grouped(adding.value.done + 1)} of ${grouped(adding.value.total)}…` : about}{' '}
        {note.value}
      </p>
      {count > 0 && (
        <ul class="train-tray" aria-label="Your images">
          {own.value.slice(-MAX_TILES).map((each, i) => (
            <Tile key={each.key} image={each} number={Math.max(0, count - MAX_TILES) + i + 1} images={images} />
          ))}
        </ul>
      )}
    </div>
  );
}

function Tile({ image, number, images }: Props & { readonly image: OwnImage; readonly number: number }) {
  const { needsClass, remove, setClass } = images;
  const { card } = model.value ?? {};
  if (!card) return null;
  const classes = needsClass.value ? card.classes : null;
  return (
    <li data-own={number}>
      <PixelImage pixels={image.pixels} shape={card.image} label={`Your image ${number}`} />
      <Button class="" aria-label={`Remove your image ${number}`} onClick={() => remove(image.key)}>
        ×
      </Button>
      {classes && (
        <Select
          aria-label={`Class of your image ${number}`}
          value={image.label ?? 0}
          options={classes.map((name, index) => [index, name])}
          onChoose={(index) => setClass(image.key, index)}
        />
      )}
    </li>
  );
}
