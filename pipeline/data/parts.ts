import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Fingerprints } from '../artifacts/fields.ts';
import type { ImageIndex, PartName } from '../artifacts/image-index.ts';
import { sha256 } from '../io/digest.ts';
import { withFileErrors } from '../io/errors.ts';
import { bytesPerImage, defineDataset, type ImageDataset, UNLABELLED } from './dataset.ts';
import type { Prepared } from './image-cache.ts';
import { pixelReader } from './pixel-files.ts';

type Part = NonNullable<ImageIndex['parts'][PartName]>;

const idsFile = (part: PartName) => `${part}.ids.json`;
const labelsFile = (part: PartName) => `${part}.labels.i32`;

/** Ids and labels of a part's images. `ids` undefined: their numbers; `labels` undefined: no image has one. */
export interface Rows {
  readonly ids: readonly string[] | undefined;
  readonly labels: Int32Array | undefined;
}

/** Writes ids and labels of a part beside its pixels. */
export async function writeRows(folder: string, part: PartName, { ids, labels }: Rows): Promise<void> {
  if (ids) await writeFile(join(folder, idsFile(part)), JSON.stringify(ids));
  if (labels)
    await writeFile(
      join(folder, labelsFile(part)),
      new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength),
    );
}

async function readRows(folder: string, part: PartName, { named, labelled }: Part): Promise<Rows> {
  return withFileErrors(`cannot read ${folder}`, async () => ({
    ids: named ? (JSON.parse(await readFile(join(folder, idsFile(part)), 'utf8')) as string[]) : undefined,
    labels: labelled
      ? new Int32Array(new Uint8Array(await readFile(join(folder, labelsFile(part)))).buffer)
      : undefined,
  }));
}

/**
 * Opens a part of a prepared data set.
 * @param known class names of a trained model: labels take their order where all of the data's are among them
 * @param options `computed`: fingerprints are computed from the pixels rather than taken from the index
 * @throws InputError when its files are missing
 */
export async function openPart(
  { folder, index }: Prepared,
  name: PartName,
  known: readonly string[] | undefined,
  { computed = false } = {},
): Promise<ImageDataset> {
  const part = index.parts[name] as Part;
  const { fingerprint, pixels } = part;
  const { height, width, channels } = index.preprocessing;
  const shape = { height, width, channels };
  const files = part.files.map((file) => ({ ...file, path: resolve(folder, file.path) }));
  const { ids, labels } = await readRows(folder, name, part);
  const classes = index.classes ?? undefined;
  const order = known && classes && orderOf(classes, known);
  return defineDataset(
    {
      name: part.name,
      shape,
      length: part.images,
      labels: order && labels ? labels.map((label) => order[label] ?? UNLABELLED) : labels,
      classes: order ? known : classes,
      pixels: { kind: 'files', files },
      ...(part.skipped.length > 0 && { skipped: part.skipped }),
      id: (i) => ids?.[i] ?? String(i),
      ...pixelReader(files, bytesPerImage(shape)),
    },
    order || computed ? undefined : async () => ({ fingerprint, pixels }),
  );
}

/** Index among the known names by own index; undefined where they are the same already, or some are unknown. */
export function orderOf(names: readonly string[], known: readonly string[]): number[] | undefined {
  const composed = known.map((name) => name.normalize());
  const order = names.map((name) => composed.indexOf(name.normalize()));
  const same = names.length === known.length && names.every((name, i) => name === known[i]);
  return same || order.includes(-1) ? undefined : order;
}

const withSum = (text: string): string => `${text}\n${sha256(text)}`;

/**
 * Keeps the fingerprints of some images of a prepared data set in its folder, because they take long to compute.
 * @param rows which images
 */
export function rememberFingerprints(dataset: ImageDataset, folder: string, rows: Uint32Array): ImageDataset {
  const file = join(
    folder,
    `fingerprints-${sha256(new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength)).slice(0, 16)}`,
  );
  const remembered = async () => {
    const known = await readFile(file, 'latin1').catch(() => '');
    const found = known.slice(0, known.indexOf('\n'));
    if (known === withSum(found)) return JSON.parse(found) as Required<Fingerprints>;
    const fingerprints = await dataset.fingerprints();
    await writeFile(file, withSum(JSON.stringify(fingerprints))).catch(() => {}); // a read-only cache costs only time
    return fingerprints;
  };
  return defineDataset(dataset, remembered);
}
