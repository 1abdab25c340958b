import { input, model } from '../../state/store.ts';
import { Hint } from '../../ui/figure.tsx';
import { dataName, grouped } from '../../ui/format.ts';
import { PixelImage } from '../../ui/pixel-image.tsx';
import {
  addInput,
  includeSample,
  isAdded,
  MAX_OWN,
  MAX_SAMPLE,
  MIN_SAMPLE,
  needsClass,
  noSample,
  type OwnImage,
  own,
  removeOwn,
  sampleSeed,
  sampleSize,
  setClass,
} from './images.ts';

/** The training images: the visitor's, and a sample of the set. */
export function PickedImages() {
  return (
    <section class="train-images" aria-labelledby="train-images">
      <h3 id="train-images">Training images</h3>
      <Sample />
      <Own />
    </section>
  );
}

function Sample() {
  const about = model.value?.set?.about;
  if (noSample.value !== null || !about) return <p class="say">{noSample.value}</p>;
  const most = Math.min(MAX_SAMPLE, about.images);
  const least = Math.min(MIN_SAMPLE, most);
  const size = Math.min(most, sampleSize.value);
  return (
    <div class="train-sample">
      <div class="train-about">
        <label class="row">
          <input
            type="checkbox"
            checked={includeSample.value}
            onChange={(event) => {
              includeSample.value = event.currentTarget.checked;
            }}
          />
          <span>
            <b>{grouped(size)}</b> random images of {dataName(about.name)}
          </span>
        </label>
        <Hint
          about="the random images"
          text={`They are taken from this page’s ${about.split} images. Do not test the model on them afterwards: losses on training images are too optimistic.`}
        />
      </div>
      <input
        type="range"
        aria-label="Number of random images"
        min={least}
        max={most}
        step={most - least >= 8 ? 8 : 1}
        value={size}
        disabled={!includeSample.value}
        onInput={(event) => {
          sampleSize.value = event.currentTarget.valueAsNumber;
        }}
      />
      <button
        type="button"
        class="button"
        disabled={!includeSample.value}
        onClick={() => {
          sampleSeed.value += 1;
        }}
      >
        Choose others
      </button>
    </div>
  );
}

function Own() {
  const image = input.value;
  const full = own.value.length >= MAX_OWN;
  const useless = !image || isAdded.value || full;
  return (
    <div class="train-own">
      <button type="button" class="button" aria-disabled={useless} onClick={() => image && !useless && addInput(image)}>
        Add the input image
      </button>
      <span class="say" aria-live="polite">
        {full
          ? `The limit is ${MAX_OWN} images.`
          : own.value.length === 0
            ? 'Draw something, then add it.'
            : isAdded.value
              ? 'Added. Draw the next one.'
              : `${own.value.length} of yours.`}
      </span>
      {own.value.length > 0 && (
        <ul class="train-tray" aria-label="Your images">
          {own.value.map((each, i) => (
            <Tile key={each.key} image={each} number={i + 1} />
          ))}
        </ul>
      )}
    </div>
  );
}

function Tile({ image, number }: { readonly image: OwnImage; readonly number: number }) {
  const { card } = model.value ?? {};
  if (!card) return null;
  const classes = needsClass.value ? card.classes : null;
  return (
    <li data-own={number}>
      <PixelImage pixels={image.pixels} shape={card.image} label={`Your image ${number}`} />
      <button type="button" aria-label={`Remove your image ${number}`} onClick={() => removeOwn(image.key)}>
        ×
      </button>
      {classes && (
        <select
          aria-label={`Class of your image ${number}`}
          value={String(image.label ?? 0)}
          onChange={(event) => setClass(image.key, Number(event.currentTarget.value))}
        >
          {classes.map((name, index) => (
            <option key={name} value={String(index)}>
              {name}
            </option>
          ))}
        </select>
      )}
    </li>
  );
}
