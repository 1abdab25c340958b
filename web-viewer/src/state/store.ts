import { computed, signal } from '@preact/signals';
import type { Engine } from '../engine/client.ts';
import type { Latents, ModelFiles } from '../engine/protocol.ts';
import type { FileSource } from '../site/files.ts';
import type { ImageSet } from '../site/image-set.ts';
import type { Points } from '../site/points.ts';
import { messageOf } from '../site/problem.ts';
import type { Card, Manifest, SiteIndex } from '../site/schema.ts';
import type { Distribution } from './sampling.ts';

/*
 * The state that all views share. Views read and set it; explore.ts derives the rest, and url.ts keeps the shareable part
 * in the address.
 */

/** A loaded model. */
export interface OpenModel {
  readonly name: string;
  readonly card: Card;
  readonly manifest: Manifest;
  /** Its folder. */
  readonly source: FileSource;
  readonly files: ModelFiles;
  /** Its test images and their latents; null where the site has none. */
  readonly set: ImageSet | null;
  readonly points: Points | null;
  /** Whether the visitor opened it from files or by its folder in the address; else it is one of the site's. */
  readonly fromVisitor: boolean;
  /** What of its files does not belong together, for the visitor; null where nothing is known to. */
  readonly doubt: string | null;
  /** Whether its files or its images are still on their way: then it has no images yet, and its files may be empty. */
  readonly loading?: boolean;
}

/** An input image: pixels 0–255 `[H, W, C]`. */
export interface InputImage {
  readonly pixels: Uint8Array;
  readonly origin: 'drawn' | 'file' | 'set';
  /** Its row in the set, if it comes from there. */
  readonly row: number | null;
  /** Its class, where known. */
  readonly label: number | null;
}

/** The model's result for the input image. */
export interface Reading {
  readonly image: InputImage;
  readonly latents: Latents;
  /** `[H, W, C]` in [0, 1]. */
  readonly reconstruction: Float32Array;
  /** The error of each pixel, the mean over its channels, `[H, W]`, in the unit of the card's model.error. */
  readonly errorMap: Float32Array;
  /** Their mean. */
  readonly error: number;
  /** The share of the set's images with a smaller error, 0 to 1; null without a set. */
  readonly percentile: number | null;
  /** Its cluster and the probability of that, where the model has clusters. */
  readonly cluster: { readonly index: number; readonly confidence: number } | null;
  /** How unusual it is, where the card says what is normal, as `convae encode` writes it. */
  readonly outlier: { readonly score: number; readonly flag: boolean } | null;
}

export const tabs = ['draw', 'map', 'latent', 'studio', 'epochs', 'train', 'model'] as const;
export type Tab = (typeof tabs)[number];

/** The site's models, and the open one. */
export const site = signal<SiteIndex | null>(null);
export const model = signal<OpenModel | null>(null);
/** Names of visitors' models in the address begin with this. */
export const OWN = 'own-';
/** The name of a model in the address: that of one of the site's, or, for a visitor's, the start of its encoder's SHA-256. */
export const addressName = ({ name, card, fromVisitor }: OpenModel): string =>
  fromVisitor ? `${OWN}${card.files['encoder.onnx']?.sha256.slice(0, 12)}` : name;
/** That of the open model. */
export const modelName = computed(() => model.value && addressName(model.value));
/** Asked before another model is opened: whether the open one may be replaced. */
export const mayReplaceModel = signal<(name: string) => boolean>(() => true);
export const engine = signal<Engine | null>(null);
/** Why this runtime was chosen. */
export const engineNote = signal('');
/** What is being loaded. */
export const progress = signal<{
  readonly what: string;
  readonly done: number;
  readonly total: number;
  /** Whether everything that it needs has come. */
  readonly starting: boolean;
} | null>(null);
/** The current error, for the visitor. */
export const problem = signal<string | null>(null);
/** Tells the visitor of a failure: `.catch(report)`. */
export const report = (error: unknown): void => {
  problem.value = messageOf(error);
};

/** The view in the middle; on a phone, the only one. */
export const tab = signal<Tab>('map');

/** The image on the left, and the model's result for it. */
export const input = signal<InputImage | null>(null);
export const reading = signal<Reading | null>(null);

/** An image of the training's record, with its reconstruction: shown until a live one has come. */
export const recorded = signal<{ readonly original: Uint8Array; readonly reconstruction: Uint8Array } | null>(null);
/** The reconstruction to show: the model's, else a recorded one of this very image. */
export const reconstruction = computed(
  () =>
    reading.value?.reconstruction ??
    (recorded.value?.original === input.value?.pixels ? recorded.value?.reconstruction : null) ??
    null,
);

/** The class given with the image on the left, where the model takes one. */
export const inputLabel = signal(0);

/** The latent on the right `[D]`, its origin, the class for the decoder, and the decoded image `[H, W, C]`. */
export const currentLatent = signal<Float32Array | null>(null);
export const latentOrigin = signal<'input' | 'sliders' | 'sample' | 'studio' | 'walk' | 'between' | 'map' | 'link'>(
  'input',
);
export const label = signal(0);
/** Whether the idle walk is running. */
export const walking = signal(false);
export const decoded = signal<Float32Array | null>(null);

/** How images of one channel can be displayed. Files of them stay gray. */
export const colourMaps = ['gray', 'inverted', 'viridis', 'magma', 'inferno'] as const;
export type ColourMap = (typeof colourMaps)[number];
/** How they are displayed. */
export const colourMap = signal<ColourMap>('gray');

/** The map's settings. */
/** The name of the column that colours show; the first where there is none of this name. */
export const colourBy = signal('class');
/** The rows selected on the map; null without a selection. */
export const mapSelection = signal<(ArrayLike<number> & Iterable<number>) | null>(null);
/** The visible categories; null for all. */
export const shownClasses = signal<readonly number[] | null>(null);
/** The selected epoch; 0 for the last. */
export const epoch = signal(0);
/** The seed of random latents, and their distribution; null for the model's default. */
export const seed = signal(1);
export const sampleFrom = signal<Distribution | null>(null);
/** Temperature of the studio's random latents: factor of their distance from the centre. */
export const temperature = signal(1);

export const classes = computed(() => model.value?.card.classes ?? model.value?.set?.about.classes ?? null);
/** The shape of the open model's images; of MNIST's before one is open. */
export const imageShape = computed(() => model.value?.card.image ?? { height: 28, width: 28, channels: 1 });
/** Whether the decoder takes a class. */
export const conditional = computed(() => model.value?.card.conditional.decoder ?? false);
/** The selected row of the set. */
export const selectedRow = computed(() => input.value?.row ?? null);
