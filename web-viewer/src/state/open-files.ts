import { sha256 } from '../site/digest.ts';
import type { VisitorFile } from '../site/dropped.ts';
import { dimensionsOf, modelAmong, readVisitorFiles, sizeOf } from '../site/exported-folder.ts';
import { hosted, overlaid } from '../site/files.ts';
import { FileProblem } from '../site/problem.ts';
import type { Manifest } from '../site/schema.ts';
import { open } from './open.ts';
import { readCard, readManifest, readModel, root } from './read-model.ts';
import { model, problem } from './store.ts';

/** Opens a model from the visitor's files: a zip, a folder, or loose files. Failures are reported in `problem`. */
export async function openVisitorFiles(files: readonly VisitorFile[]): Promise<void> {
  const found = await open('your model', true, async (meter) => {
    meter.expect(sizeOf(files));
    const { name, source } = modelAmong(await readVisitorFiles(files, meter.add));
    return readModel(name, source, true, meter);
  });
  if (found) await warnOnOtherFiles();
}

/**
 * Opens a model from a folder of this host.
 * @param path of the folder, relative to the page or the host's root, or a full URL on this host
 * @returns whether it is open
 */
export async function openLink(path: string): Promise<boolean> {
  return open(path, true, async (meter) => {
    const folder = folderOf(path);
    const source = hosted(folder);
    // Read the card first: without it there is no model.
    const card = await readCard(source);
    const manifest = await readManifest(source).catch(
      (): Manifest => ({ ...EMPTY_MANIFEST, columns: [], dimensions: dimensionsOf(card) }),
    );
    const made = new Map([['manifest.json', new TextEncoder().encode(JSON.stringify(manifest))]]);
    return readModel(card.model.name, overlaid(made, source), true, meter);
  });
}

const EMPTY_MANIFEST = {
  format: 1,
  files: {},
  set: null,
  points: null,
  columns: [],
  training: null,
  report: null,
} as const;

/** @throws FileProblem when the path is not a folder of this host */
function folderOf(path: string): URL {
  const base = new URL(root.url(''));
  let folder: URL;
  try {
    folder = new URL(`${path.replace(/[^/]*\.json$/, '').replace(/\/+$/, '')}/`, base);
  } catch {
    throw new FileProblem(`${path} is not a URL`);
  }
  if (folder.origin === base.origin) return folder;
  throw new FileProblem(
    `this page may not fetch from ${folder.host || folder.protocol}: download the model’s folder and drop it here`,
  );
}

/** Reports files that do not match the card, as far as that can be checked. */
async function warnOnOtherFiles(): Promise<void> {
  const current = model.value;
  if (!current) return;
  const other: string[] = [];
  for (const name of ['encoder', 'decoder'] as const) {
    const found = await sha256(current.files[name]);
    if (found !== null && found !== current.card.files[`${name}.onnx`]?.sha256) other.push(`${name}.onnx`);
  }
  if (other.length === 0 || problem.value !== null) return;
  problem.value = `card.json was written for another ${other.join(' and ')} (the SHA-256 differs), so its figures may be wrong`;
}
