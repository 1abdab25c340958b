import { computed, signal } from '@preact/signals';
import type { Engine } from '../engine/client.ts';
import type { Codes, ModelFiles } from '../engine/protocol.ts';
import type { FileSource } from '../site/files.ts';
import type { ImageSet } from '../site/image-set.ts';
import type { Points } from '../site/points.ts';
import type { Card, Manifest, SiteIndex } from '../site/schema.ts';
import type { Distribution } from './sampling.ts';

/*
 * The one state that all views share. Views read it and set it; what follows from what is in explore.ts, what of it is in
 * the address in url.ts.
 */

/** A model that is ready to be explored. */
export interface OpenModel {
  readonly name: string;
  readonly card: Card;
  readonly manifest: Manifest;
  /** Its folder. */
  readonly source: FileSource;
  readonly files: ModelFiles;
  /** The images that it was tested on, and its codes of them; null where the site has none. */
  readonly set: ImageSet | null;
  readonly points: Points | null;
  /** Whether a visitor has given its files, or the address names its folder; else it is one of the site's. */
  readonly given: boolean;
}

/** An image as the model takes it: pixels 0–255 `[H, W, C]`. */
export interface InputImage {
  readonly pixels: Uint8Array;
  readonly origin: 'drawn' | 'file' | 'set';
  /** Its row in the set, where it is from there. */
  readonly row: number | null;
  /** Its class, where it is known. */
  readonly label: number | null;
}

/** What the model makes of the input image. */
export interface Reading {
  readonly image: InputImage;
  readonly codes: Codes;
  /** `[H, W, C]` in [0, 1]. */
  readonly reconstruction: Float32Array;
  /** The error of each pixel, the mean over its channels, `[H, W]`, in the unit of the card's model.error. */
  readonly errorMap: Float32Array;
  /** Their mean. */
  readonly error: number;
  /** The share of the set's images with a smaller error, 0 to 1; null without a set. */
  readonly percentile: number | null;
}

export const tabs = ['draw', 'map', 'latent', 'studio', 'epochs', 'train', 'model'] as const;
export type Tab = (typeof tabs)[number];

/** The site's models, and the open one; its name is null where it is not the site's. */
export const site = signal<SiteIndex | null>(null);
export const modelName = signal<string | null>(null);
export const model = signal<OpenModel | null>(null);
export const engine = signal<Engine | null>(null);
/** Why the engine is what it is, for those who want to know. */
export const engineNote = signal('');
/** What is being loaded. */
export const progress = signal<{ readonly what: string; readonly done: number; readonly total: number } | null>(null);
/** What went wrong, for the visitor. */
export const problem = signal<string | null>(null);

/** The view in the middle; on a phone, the only one. */
export const tab = signal<Tab>('map');

/** The image on the left, and what the model makes of it. */
export const input = signal<InputImage | null>(null);
export const reading = signal<Reading | null>(null);

/** The class that the model is told with the image on the left, where it takes one. */
export const inputLabel = signal(0);

/** The code on the right `[D]`, where it is from, the class that the decoder is given with it, and its image `[H, W, C]`. */
export const code = signal<Float32Array | null>(null);
export const codeOrigin = signal<'input' | 'sliders' | 'sample' | 'walk' | 'between' | 'map' | 'link'>('input');
export const label = signal(0);
export const decoded = signal<Float32Array | null>(null);

/** The map's settings. */
export const colourBy = signal<'class' | 'error'>('class');
/** The classes that are shown; null: all. */
export const shownClasses = signal<readonly number[] | null>(null);
/** The epoch that is looked at; 0: the last. */
export const epoch = signal(0);
/** What draws random codes, and from what; null: from what the model was made for. */
export const seed = signal(1);
export const sampleFrom = signal<Distribution | null>(null);
/** What the distance of the studio's random codes from the middle of all codes is multiplied with. */
export const temperature = signal(1);

export const classes = computed(() => model.value?.card.classes ?? model.value?.set?.about.classes ?? null);
/** Whether the decoder is told a class. */
export const conditional = computed(() => model.value?.card.conditional.decoder ?? false);
/** The row of the set that is selected. */
export const selectedRow = computed(() => input.value?.row ?? null);
