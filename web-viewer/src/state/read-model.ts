import type { ModelFiles } from '../engine/protocol.ts';
import { type FileSource, hosted, readJson } from '../site/files.ts';
import { type ByteCounter, type ImageSet, loadImageSet } from '../site/image-set.ts';
import { loadPoints } from '../site/points.ts';
import { FileProblem } from '../site/problem.ts';
import { type Card, cardSchema, heldOutOf, type Manifest, manifestSchema, parseFile } from '../site/schema.ts';
import type { Meter } from './meter.ts';
import { type OpenModel, site } from './store.ts';

/** The page's folder. */
export const root = hosted(new URL('./', location.href.replace(/[?#].*$/, '')));
const sets = new Map<string, Promise<ImageSet>>();

/** Reads a card. @throws FileProblem */
export const readCard = async (source: FileSource): Promise<Card> =>
  parseFile(cardSchema, await readJson(source, 'card.json'), 'card.json');

/** Reads a manifest. @throws FileProblem */
export const readManifest = async (source: FileSource): Promise<Manifest> =>
  parseFile(manifestSchema, await readJson(source, 'manifest.json'), 'manifest.json');

/**
 * Reads everything needed to explore a model.
 * @param fromVisitor whether it is a visitor's: then its images are looked up among the site's
 * @param early receives what can be drawn without the model's files and images, as soon as it has come
 * @throws FileProblem when a file is missing or damaged, or the files do not match
 */
export async function readModel(
  name: string,
  source: FileSource,
  fromVisitor: boolean,
  meter: Meter,
  early?: (drawable: OpenModel) => void,
): Promise<OpenModel> {
  const [manifest, card] = await Promise.all([readManifest(source), readCard(source)]);
  meter.expect(bytesToLoad(manifest));
  const { size } = card.latent;
  if (manifest.dimensions.variance.length !== size || (manifest.dimensions.kl?.length ?? size) !== size) {
    throw new FileProblem(`manifest.json does not have a number for each of the ${size} latent dimensions`);
  }
  const readPoints = loadPoints(source, manifest, size, meter.add);
  if (early) {
    const files = { encoder: NONE, decoder: NONE, ...inputsOf(card) };
    const points = await readPoints;
    early({ name, card, manifest, source, files, set: null, points, fromVisitor, loading: true });
  }
  const [files, points] = await Promise.all([readFiles(source, card, meter.add), readPoints]);
  return { name, card, manifest, source, files, set: null, points, fromVisitor, loading: true };
}

/** The model with its images. @throws FileProblem when they are damaged, or do not match it */
export async function withImages(model: OpenModel, counter: ByteCounter): Promise<OpenModel> {
  if (!model.loading) return model;
  const { name, card, manifest, points, fromVisitor } = model;
  const folder = fromVisitor ? await setFor(card) : manifest.set;
  const set = folder === null ? null : await loadSet(folder, counter);
  if (points && set && points.count !== set.about.images) {
    throw new FileProblem(`${name} has latents of ${points.count} images, its set has ${set.about.images}`);
  }
  if (set && !fits(set, card)) {
    if (!fromVisitor) throw new FileProblem(`the images of ${name}’s set do not have the shape that it takes`);
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

const fits = ({ about }: ImageSet, { image }: Card) =>
  about.height === image.height && about.width === image.width && about.channels === image.channels;

/** The site's set of a model's images held out: all sets of a site are named by their models' manifests. */
async function setFor(card: Card): Promise<string | null> {
  const id = heldOutOf(card)
    .fingerprint.replace(/^sha256:/, '')
    .slice(0, 12);
  const folder = `sets/${id}`;
  if (sets.has(folder)) return folder;
  for (const { folder: model } of site.value?.models ?? []) {
    const manifest = await readManifest(root.at(`models/${model}`)).catch(() => null);
    if (manifest?.set === folder) return folder;
  }
  return null;
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
