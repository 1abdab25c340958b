import { sha256 } from '../site/digest.ts';
import { type GivenFile, readGiven, sizeOf } from '../site/dropped.ts';
import { hosted, overlaid } from '../site/files.ts';
import { dimensionsOf, givenModel } from '../site/given.ts';
import { FileProblem } from '../site/problem.ts';
import type { Manifest } from '../site/schema.ts';
import { open } from './open.ts';
import { readCard, readManifest, readModel, root } from './read-model.ts';
import { model, problem } from './store.ts';

/** Opens a model from files that the visitor has given: a zip, a folder, or loose files. What fails is told in `problem`. */
export async function openGiven(given: readonly GivenFile[]): Promise<void> {
  const found = await open('your model', true, async (meter) => {
    meter.expect(sizeOf(given));
    const { name, source } = givenModel(await readGiven(given, meter.add));
    return readModel(name, source, true, meter);
  });
  if (found) await warn();
}

/**
 * Opens a model from a folder of this host.
 * @param path of the folder, from the page's own or from the host's root, or a whole address of this host
 * @returns whether it is open
 */
export async function openLink(path: string): Promise<boolean> {
  return open(path, true, async (meter) => {
    const folder = folderOf(path);
    const source = hosted(folder);
    // The card first: where there is none, there is no model.
    const card = await readCard(source);
    const manifest = await readManifest(source).catch((): Manifest => {
      return { ...NOTHING, dimensions: dimensionsOf(card) };
    });
    const made = new Map([['manifest.json', new TextEncoder().encode(JSON.stringify(manifest))]]);
    return readModel(card.model.name, overlaid(made, source), true, meter);
  });
}

const NOTHING = { format: 1, files: {}, set: null, points: null, training: null, report: null } as const;

/** @throws FileProblem when it is not a folder of this host */
function folderOf(path: string): URL {
  const base = new URL(root.url(''));
  let folder: URL;
  try {
    folder = new URL(`${path.replace(/[^/]*\.json$/, '').replace(/\/+$/, '')}/`, base);
  } catch {
    throw new FileProblem(`${path} is not an address`);
  }
  if (folder.origin === base.origin) return folder;
  throw new FileProblem(
    `this page may not fetch from ${folder.host || folder.protocol}: download the model’s folder and drop it here`,
  );
}

/** Says where the files are not those that the card describes, as far as that can be told. */
async function warn(): Promise<void> {
  const current = model.value;
  if (!current) return;
  const other: string[] = [];
  for (const name of ['encoder', 'decoder'] as const) {
    const found = await sha256(current.files[name]);
    if (found !== null && found !== current.card.files[`${name}.onnx`]?.sha256) other.push(`${name}.onnx`);
  }
  if (other.length === 0 || problem.value !== null) return;
  problem.value = `card.json was not written for this ${other.join(' and ')} (another SHA-256), so its numbers may not hold`;
}
