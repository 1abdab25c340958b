import { useEffect, useMemo } from 'preact/hooks';
import type { ImageSet } from '../../site/image-set.ts';
import { showRow } from '../../state/explore.ts';
import { classes, input, model, report } from '../../state/store.ts';
import { colourOfClass } from '../../ui/class-colours.ts';
import { Button } from '../../ui/controls.tsx';
import { capital, grouped, ofSplit } from '../../ui/format.ts';
import { PixelImage } from '../../ui/pixel-image.tsx';

/** At most as many as fit on a few lines. */
const MAX_EXAMPLES = 30;
const WITHOUT_CLASSES = 10;

/** The first image of each class; without classes, images from all over the set. */
function examplesOf({ about, labels }: ImageSet): readonly { readonly row: number; readonly label: number | null }[] {
  if (!labels) {
    const count = Math.min(WITHOUT_CLASSES, about.images);
    return Array.from({ length: count }, (_, i) => ({ row: Math.floor((i * about.images) / count), label: null }));
  }
  const first = new Map<number, number>();
  labels.forEach((label, row) => {
    if (!first.has(label)) first.set(label, row);
  });
  return [...first]
    .sort(([a], [b]) => a - b)
    .slice(0, MAX_EXAMPLES)
    .map(([label, row]) => ({ row, label }));
}

/** What is of the set's part of the data, in words. */
const ofSet = (what: string) => ofSplit(model.value?.set?.about.split ?? 'all', what);

/** Images of the set, one of each class. */
export function Examples() {
  const set = model.value?.set;
  const examples = useMemo(() => (set ? examplesOf(set) : []), [set]);
  useEffect(() => {
    set?.ready(examples.map(({ row }) => row)).catch(report);
  }, [set, examples]);
  if (!set) return null;
  return (
    <ul class="examples tiles" style={{ '--columns': 10 }} aria-label={capital(ofSet('images'))}>
      {examples.map(({ row, label }) => (
        <li key={row}>
          <Button
            class="tile of-class"
            style={{ '--class': colourOfClass(label) }}
            title={`${capital(ofSet('image'))} ${grouped(row)}${label === null ? '' : `: ${nameOf(label)}`}`}
            aria-current={input.value?.row === row}
            onClick={() => showRow(row)}
          >
            <PixelImage
              pixels={set.pixels(row)}
              shape={set.about}
              label={label === null ? `${capital(ofSet('image'))} ${row}` : `An image of class ${nameOf(label)}`}
            />
          </Button>
        </li>
      ))}
    </ul>
  );
}

/** Shows a random image of the set. */
export function AnotherExample() {
  const set = model.value?.set;
  if (!set) return null;
  return (
    <Button
      class="button input-button"
      title={`A random ${ofSet('image')}`}
      onClick={() => showRow(Math.floor(Math.random() * set.about.images))}
    >
      Another example
    </Button>
  );
}

/** Describes the input image. */
export function About() {
  const image = input.value;
  if (!image) return <>an empty canvas</>;
  if (image.origin === 'drawn') return <>your drawing</>;
  if (image.origin === 'file') return <>your picture</>;
  return (
    <>
      {image.row === null ? 'an image not trained on' : `${ofSet('image')} ${grouped(image.row)}`}
      {image.label !== null && (
        <>
          {', '}
          <b class="class-name of-class" style={{ '--class': colourOfClass(image.label) }}>
            {nameOf(image.label)}
          </b>
        </>
      )}
    </>
  );
}

const nameOf = (label: number) => classes.value?.[label] ?? model.value?.set?.about.classes?.[label] ?? String(label);
