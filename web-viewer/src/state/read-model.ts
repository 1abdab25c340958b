import type { ModelFiles, WeightFiles } from '../engine/protocol.ts';
import { sha256 } from '../site/digest.ts';
import { type FileSource, hosted, parseJson, readJson } from '../site/files.ts';
import { type ByteCounter, type ImageSet, loadImageSet } from '../site/image-set.ts';
import { loadPoints } from '../site/points.ts';
import { FileProblem } from '../site/problem.ts';
import {
  type Card,
  cardSchema,
  heldOutOf,
  type Manifest,
  manifestSchema,
  parseFile,
  samePixels,
} from '../site/schema.ts';
import type { Meter } from './meter.ts';
import { type OpenModel, site } from './store.ts';

/** The page's folder. */
export const root = hosted(new URL('./', location.href.replace(/[?#].*$/, '')));
const sets = new Map<string, Promise<ImageSet>>();

/** Reads a card. @throws FileProblem */
export const readCard = async (source: FileSource): Promise<Card> =>
  parseFile(cardSchema, await readJson(source, 'card.json'), 'card.json');

const readManifest = async (source: FileSource): Promise<Manifest> =>
  parseFile(manifestSchema, await readJson(source, 'manifest.json'), 'manifest.json');

/** Where a model is. */
interface ModelPlace {
  readonly source: FileSource;
  /** Its name on the site. Without one it is a visitor's: its card names it, and its images are looked up among the site's. */
  readonly siteName?: string;
  /** Makes a manifest where there is none. */
  readonly makeManifest?: (card: Card) => Manifest;
}

/**
 * Reads everything needed to explore a model.
 * @param early receives what can be drawn without the model's files and images, as soon as it has come
 * @throws FileProblem when a file is missing or damaged, or the files do not match
 */
export async function readModel(
  { source, siteName, makeManifest }: ModelPlace,
  meter: Meter,
  early?: (drawable: OpenModel) => void,
): Promise<OpenModel> {
  const [found, cardFile] = await Promise.all([
    readManifest(source).catch((error: unknown) => {
      if (!makeManifest) throw error;
    }),
    source.read('card.json'),
  ]);
  const card = parseFile(cardSchema, parseJson(cardFile, 'card.json'), 'card.json');
  const manifest = found ?? (makeManifest as NonNullable<typeof makeManifest>)(card);
  meter.expect(bytesToLoad(manifest));
  const { size } = card.latent;
  if (manifest.dimensions.variance.length !== size || (manifest.dimensions.kl?.length ?? size) !== size) {
    throw new FileProblem(`manifest.json does not have a number for each of the ${size} latent dimensions`);
  }
  const readPoints = loadPoints(source, manifest, size, meter.add);
  const about = { name: siteName ?? card.model.name, card, manifest, source, fromVisitor: siteName === undefined };
  const opened = { ...about, set: null, loading: true };
  if (early) {
    const files = { encoder: NONE, decoder: NONE, ...inputsOf(card) };
    early({ ...opened, files, points: await readPoints, doubt: null });
  }
  const [files, points] = await Promise.all([readFiles(source, card, meter.add), readPoints]);
  return { ...opened, files, points, doubt: await doubtOf(card, cardFile, manifest, files) };
}

/** What of a model's files does not belong together, as far as sizes and digests tell. */
async function doubtOf(
  card: Card,
  cardFile: Uint8Array<ArrayBuffer>,
  { card: madeFor, files: sizes }: Manifest,
  files: WeightFiles,
): Promise<string | null> {
  const differs = async (file: Uint8Array<ArrayBuffer>, size = file.length, digest?: string) => {
    const found = digest === undefined ? null : await sha256(file); // null without https, too
    return file.length !== size || (found !== null && found !== digest);
  };
  const others: string[] = [];
  for (const name of ['encoder', 'decoder'] as const) {
    const { bytes, sha256 } = card.files[`${name}.onnx`];
    if (await differs(files[name], bytes, sha256)) others.push(`${name}.onnx`);
  }
  if (others.length > 0)
    return `card.json was written for another ${others.join(' and ')}, so its figures and the map may be of another model`;
  return (await differs(cardFile, sizes['card.json'], madeFor))
    ? 'the map and the record of the training were made with another card.json, so they may be of another model; run `convae site` again'
    : null;
}

/** The model with its images. @throws FileProblem when they are damaged, or do not match it */
export async function withImages(model: OpenModel, counter: ByteCounter): Promise<OpenModel> {
  if (!model.loading) return model;
  const { name, card, manifest, points, fromVisitor } = model;
  const folder = fromVisitor ? await setFor(heldOutOf(card)) : manifest.set;
  const set = folder === null ? null : await loadSet(folder, counter);
  if (points && set && points.count !== set.about.images) {
    throw new FileProblem(`${name} has latents of ${points.count} images, its set has ${set.about.images}`);
  }
  if (set && !fits(set, card)) {
    if (!fromVisitor)
      throw new FileProblem(`the images of ${name}’s set do not have the shape or the classes that it takes`);
    return { ...model, set: null, loading: false };
  }
  return { ...model, set, loading: false };
}

const NONE = new Uint8Array();
const inputsOf = ({ image, latent, conditional, clusters }: Card) => ({
  image,
  latent: latent.size,
  conditional,
  clusters: clusters?.count ?? 0,
});

/** Whether a model can take the images of a set and, where it takes classes, knows all of theirs. */
function fits({ about, labels }: ImageSet, { image, conditional, classes }: Card): boolean {
  const known = conditional.encoder || conditional.decoder ? (classes?.length ?? Number.POSITIVE_INFINITY) : null;
  if (known !== null && labels?.some((label) => label >= known)) return false;
  return about.height === image.height && about.width === image.width && about.channels === image.channels;
}

/**
 * The site's set of a model's images held out: all sets of a site are named by their models' manifests. One with other labels
 * is taken where there is no other.
 */
async function setFor(held: ReturnType<typeof heldOutOf>): Promise<string | null> {
  const folder = `sets/${held.fingerprint.replace(/^sha256:/, '').slice(0, 12)}`;
  if (sets.has(folder)) return folder;
  let relabelled: string | null = null;
  for (const { folder: model } of site.value?.models ?? []) {
    const manifest = await readManifest(root.at(`models/${model}`)).catch(() => null);
    if (manifest?.set === folder) return folder;
    if (manifest?.set && samePixels({ fingerprint: '', pixels: manifest.pixels }, held)) relabelled ??= manifest.set;
  }
  return relabelled;
}

async function readFiles(source: FileSource, card: Card, onBytes: (bytes: number) => void): Promise<ModelFiles> {
  const [encoder, decoder] = await Promise.all([
    source.read('encoder.onnx', onBytes),
    source.read('decoder.onnx', onBytes),
  ]);
  return { encoder, decoder, ...inputsOf(card) };
}

function loadSet(folder: string, counter: ByteCounter): Promise<ImageSet> {
  const made = sets.get(folder) ?? loadImageSet(root.at(folder), counter);
  sets.set(folder, made);
  made.catch(() => sets.delete(folder));
  return made;
}

/** Files fetched before a model can be explored. */
const bytesToLoad = ({ files, points }: Manifest): number =>
  ['encoder.onnx', 'decoder.onnx', points?.latents, points?.errors, points?.map]
    .map((path) => (path === undefined ? 0 : (files[path] ?? 0)))
    .reduce((a, b) => a + b, 0);
