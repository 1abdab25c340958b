import { LIMITS, type VisitorFile } from './dropped.ts';
import { type FileSource, inMemory, parseJson } from './files.ts';
import { readNpy } from './npy.ts';
import { FileProblem } from './problem.ts';
import { type Card, heldOutOf, type Manifest, parseFile, pointsCacheSchema, samePixels } from './schema.ts';
import { staysInside, unzip } from './zip.ts';

type Files = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

const PICTURE = /^training\/pictures\/epoch-(\d+)\.png$/;

/**
 * Reads files into memory and unpacks zips.
 * @param onBytes receives the number of bytes read
 * @throws FileProblem when they cannot be read or exceed the limits
 */
export async function readVisitorFiles(
  visitorFiles: readonly VisitorFile[],
  onBytes: (bytes: number) => void = () => undefined,
): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  if (visitorFiles.length > LIMITS.files) throw new FileProblem(`there are more than ${LIMITS.files} files`);
  if (sizeOf(visitorFiles) > LIMITS.bytes) throw new FileProblem(`the files hold more than ${LIMITS.bytes / 1e6} MB`);
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  let left = LIMITS.bytes;
  const put = (path: string, bytes: Uint8Array<ArrayBuffer>) => {
    left -= bytes.length;
    if (files.size >= LIMITS.files) throw new FileProblem(`there are more than ${LIMITS.files} files`);
    files.set(path, bytes);
  };
  for (const { path, file } of visitorFiles) {
    if (!staysInside(path)) throw new FileProblem(`${path.slice(0, 80)} is not a path inside a folder`);
    const buffer = await file.arrayBuffer().catch(() => {
      throw new FileProblem(`${path} cannot be read`);
    });
    const bytes = new Uint8Array(buffer);
    onBytes(bytes.length);
    if (!/\.zip$/i.test(path)) put(path, bytes);
    else {
      const inside = unzip(bytes, { files: LIMITS.files - files.size, bytes: Math.max(0, left) }, path);
      for (const [name, content] of inside) put(`${path}/${name}`, content);
    }
  }
  return files;
}

/** Total size of the files in bytes, zips not unpacked. */
export const sizeOf = (visitorFiles: readonly VisitorFile[]): number =>
  visitorFiles.reduce((sum, { file }) => sum + file.size, 0);

/**
 * Finds the model's folder among a visitor's files: the one with card.json.
 * @returns the folder, and where it has no manifest, as an exported one, what makes one from its files
 * @throws FileProblem when there is no model, or more than one
 */
export function modelAmong(files: Files): { source: FileSource; makeManifest?: (card: Card) => Manifest } {
  const folder = folderOfModel([...files.keys()]);
  const inside = new Map(
    [...files].flatMap(([path, bytes]) =>
      path.startsWith(folder) ? [[path.slice(folder.length), bytes] as const] : [],
    ),
  );
  for (const file of ['encoder.onnx', 'decoder.onnx']) {
    if (!inside.has(file)) throw new FileProblem(`${file} is missing next to card.json`);
  }
  const source = inMemory(inside);
  return inside.has('manifest.json') ? { source } : { source, makeManifest: (card) => manifestOf(inside, card) };
}

/** The path of the folder with the card, ending in a slash. @throws FileProblem */
export function folderOfModel(paths: readonly string[]): string {
  const depth = (path: string) => path.split('/').length;
  const cards = paths.filter((path) => /(^|\/)card\.json$/.test(path)).sort((a, b) => depth(a) - depth(b));
  const [first, second] = cards;
  if (first === undefined) {
    const missing = paths.some((path) => path.endsWith('.onnx')) ? 'card.json is missing next to the ONNX files' : '';
    throw new FileProblem(
      missing || 'no model: card.json, encoder.onnx and decoder.onnx belong together, as `convae export` writes them',
    );
  }
  if (second !== undefined && depth(first) === depth(second)) {
    const names = cards.map((path) => path.split('/').at(-2)).slice(0, 6);
    throw new FileProblem(`there are ${cards.length} models (${names.join(', ')}); choose the folder of one`);
  }
  return first.slice(0, -'card.json'.length);
}

/** A manifest for an exported folder: its recorded training, and the points that `convae site` has cached in it. */
export function manifestOf(files: Files, card: Card): Manifest {
  const pictures = [...files.keys()].flatMap((file) => {
    const epoch = PICTURE.exec(file)?.[1];
    return epoch === undefined ? [] : [{ epoch: Number(epoch), file }];
  });
  const metrics = 'training/metrics.jsonl';
  const found = pointsOf(files, card);
  return {
    format: 1,
    files: Object.fromEntries([...files].map(([path, { length }]) => [path, length])),
    card: found?.card,
    set: null,
    points: found?.points ?? null,
    columns: [],
    dimensions: found?.dimensions ?? dimensionsOf(card),
    training: files.has(metrics) ? { metrics, pictures: pictures.sort((a, b) => a.epoch - b.epoch) } : null,
    report: ['report.html', 'report/report.html'].find((path) => files.has(path)) ?? null,
  };
}

/** The dimensions as far as the card describes them. */
const dimensionsOf = ({ latent }: Card): Manifest['dimensions'] => ({
  kl: null,
  variance: latent.statistics.std.map((std) => std ** 2),
});

/** The points that `convae site` has cached in the folder `viewer` of an export, if they are of the test images. */
function pointsOf(files: Files, card: Card): Pick<Manifest, 'card' | 'dimensions' | 'points'> | null {
  try {
    const [path, errors] = ['viewer/manifest.json', files.get('viewer/errors.npy')];
    const about = parseFile(pointsCacheSchema, parseJson(files.get(path), path), path);
    if (!errors || !samePixels(about, heldOutOf(card))) return null;
    const { data } = readNpy(errors, '<f4', 1, 'viewer/errors.npy');
    const [latents, map] = ['viewer/latents.npy', 'viewer/map.npy'];
    if (!files.has(latents) || !files.has(map)) return null;
    const { card: madeFor, method, perplexity, dimensions } = about;
    const others = about.others
      .map((other) => ({ ...other, file: `viewer/${other.file}` }))
      .filter(({ file }) => files.has(file));
    return {
      card: madeFor,
      points: { count: data.length, latents, errors: 'viewer/errors.npy', map, method, perplexity, others },
      dimensions,
    };
  } catch {
    return null; // a model can be explored without points
  }
}
