import { computed, effect, signal } from '@preact/signals';
import type { VisitorFile } from '../../site/dropped.ts';
import { type InputImage, input, inputLabel, model } from '../../state/store.ts';
import { counted, grouped } from '../../ui/format.ts';
import { fitToFrame, frameOf, inputOf } from '../input/frame-of.ts';
import { readPicture } from '../input/open-picture.ts';
import { sampleRows, type TrainImage } from './batches.ts';

/** An image added by the visitor. */
export interface OwnImage extends TrainImage {
  readonly key: number;
}

export const MIN_SAMPLE = 32;
export const MAX_SAMPLE = 1000;
/** Images shown with their reconstructions. */
const SHOWN = 8;
/** The most images that the visitor may add. */
export const MAX_OWN = 2000;
/** Images read between two updates of the page. */
const AT_ONCE = 16;

export type TrainImages = ReturnType<typeof createTrainImages>;

/** The images that a model is trained on in the page: the visitor's, and a sample of the set. */
export function createTrainImages() {
  /** Images added by the visitor, the newest last. */
  const own = signal<readonly OwnImage[]>([]);
  /** Whether images of the set are used, how many, and which. */
  const includeSample = signal(true);
  const sampleSize = signal(256);
  const sampleSeed = signal(1);
  /** Files read so far of those being added, and what became of the last ones. */
  const adding = signal<{ readonly done: number; readonly total: number } | null>(null);
  const note = signal<string | null>(null);
  let keys = 0;

  /** Whether training needs each image's class. */
  const needsClass = computed(() => model.value?.card.trainStep?.inputs.label !== undefined);

  /** Why there is no sample; null where there is one. */
  const noSample = computed(() => {
    const set = model.value?.set;
    if (!set) return 'This model has no images, so it can only be trained on yours.';
    if (needsClass.value && !set.labels) return 'The images here have no classes, which this model needs.';
    return null;
  });

  /** The rows of a random sample of the set. */
  const rows = computed(() => {
    const set = model.value?.set;
    if (!set || noSample.value !== null || !includeSample.value) return [];
    return sampleRows(set.about.images, sampleSize.value, sampleSeed.value);
  });
  /** Those images of the sample that have been read; asking for the others reads them. */
  const sample = computed((): readonly TrainImage[] => {
    const set = model.value?.set;
    if (!set) return [];
    return rows.value.flatMap((row) => {
      const pixels = set.pixels(row);
      return set.has(row) ? [{ pixels, label: set.label(row) }] : [];
    });
  });

  const add = (added: readonly TrainImage[]) => {
    own.value = [...own.value, ...added.map((image) => ({ ...image, key: keys++ }))].slice(0, MAX_OWN);
  };

  /** Adds pictures, fitted as the model's own were. A folder that has the name of a class gives its images that class. */
  async function addFiles(files: readonly VisitorFile[]): Promise<void> {
    const opened = model.peek();
    if (!opened || adding.peek()) return;
    const frame = frameOf(opened);
    const { centred } = frame.conventions;
    const pictures = files.filter(({ path }) => !path.split('/').at(-1)?.startsWith('.'));
    const room = MAX_OWN - own.peek().length;
    const unreadable: string[] = [];
    const found: TrainImage[] = [];
    let [added, unclassed] = [0, 0];
    note.value = null;
    try {
      for (const [i, { path, file }] of pictures.entries()) {
        adding.value = { done: i, total: pictures.length };
        if (added === room) break;
        try {
          const fitted = fitToFrame(await readPicture(file, path), frame, opened.card, centred);
          const { picture } = inputOf((centred && fitted.drawing) || fitted.picture, frame, centred);
          const named = opened.card.classes?.indexOf(path.split('/').at(-2) ?? '') ?? -1;
          if (named < 0) unclassed++;
          found.push({ pixels: picture.data, label: named < 0 ? inputLabel.peek() : named });
          added++;
        } catch {
          unreadable.push(path);
        }
        if (model.peek()?.source !== opened.source) return;
        if (found.length === AT_ONCE) add(found.splice(0));
      }
      add(found);
    } finally {
      adding.value = null;
    }
    const names = unreadable.slice(0, 3).join(', ') + (unreadable.length > 3 ? ' …' : '');
    note.value = [
      `${counted(added, 'image')} added.`,
      unreadable.length > 0 && `Not readable as images: ${grouped(unreadable.length)} (${names}).`,
      added + unreadable.length < pictures.length &&
        `${grouped(pictures.length - added - unreadable.length)} left out: the limit is ${grouped(MAX_OWN)} images.`,
      needsClass.peek() &&
        unclassed > 0 &&
        `${grouped(unclassed)} got the class ${opened.card.classes?.[inputLabel.peek()]}, the input’s. In folders named after classes, images get those.`,
    ]
      .filter(Boolean)
      .join(' ');
  }

  let kind = '';
  // Keep the images for the next model if they have the right shape.
  effect(() => {
    if (!model.value) return;
    const { image, classes } = model.value.card;
    const found = [image.height, image.width, image.channels].join('×');
    const count = classes?.length ?? Number.POSITIVE_INFINITY;
    own.value =
      kind === found
        ? own.peek().map((one) => (one.label !== null && one.label >= count ? { ...one, label: 0 } : one))
        : [];
    kind = found;
  });

  return {
    own,
    includeSample,
    sampleSize,
    sampleSeed,
    adding,
    note,
    needsClass,
    noSample,
    sample,
    addFiles,
    /** Whether no images are chosen. */
    isEmpty: computed(() => own.value.length + rows.value.length === 0),
    /** Reads the whole sample. @throws FileProblem */
    ready: async () => model.peek()?.set?.ready(rows.peek()),
    /** All training images that have been read, the visitor's first. */
    all: computed((): readonly TrainImage[] => [...own.value, ...sample.value]),
    /** The images to display: the visitor's newest, then some of the sample. */
    shown: computed((): readonly TrainImage[] => {
      const mine = own.value.slice(-SHOWN).reverse();
      const room = sample.value.length === 0 ? SHOWN : Math.max(SHOWN / 2, SHOWN - sample.value.length);
      return [...mine.slice(0, room), ...sample.value].slice(0, SHOWN);
    }),
    /** Whether the input image has been added. */
    isAdded: computed(() => {
      const pixels = input.value?.pixels;
      return own.value.some((image) => image.pixels.every((value, i) => value === pixels?.[i]));
    }),
    /** Adds the input image, with its known class or else the chosen one. */
    addInput(image: InputImage): void {
      note.value = null;
      add([{ pixels: image.pixels.slice(), label: image.label ?? inputLabel.value }]);
    },
    remove(key: number): void {
      own.value = own.value.filter((image) => image.key !== key);
    },
    setClass(key: number, label: number): void {
      own.value = own.value.map((image) => (image.key === key ? { ...image, label } : image));
    },
  };
}
