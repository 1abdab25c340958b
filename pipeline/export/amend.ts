import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Card } from '../artifacts/card.ts';
import { readCard, writeCard } from '../artifacts/exported.ts';
import { fileDigest } from '../io/digest.ts';
import { InputError, ignoreMissing } from '../io/errors.ts';
import { publishFolder } from '../io/publish.ts';
import { STAGING } from '../io/staging.ts';
import { SUMS } from '../io/sums.ts';

/**
 * Changes files of an exported model. The folder is exchanged as a whole, since its card, its files and its list of checksums
 * belong together.
 * @param model as it was opened
 * @param sections of the card that are added or replaced
 * @param files new contents by name, besides the card
 * @throws InputError when another process has changed the model since it was opened; EnvironmentError; Interrupted after `signal`
 */
export async function amendExport(
  { folder, card }: { readonly folder: string; readonly card: Card },
  sections: Partial<Card>,
  files: Readonly<Record<string, Uint8Array>>,
  signal: AbortSignal | undefined,
): Promise<void> {
  await publishFolder(
    folder,
    async (fresh) => {
      for (const name of await readdir(folder)) {
        if (name !== STAGING) await cp(join(folder, name), join(fresh, name), { recursive: true });
      }
      if (!isDeepStrictEqual(await readCard(folder), card)) {
        throw new InputError(`${folder}: another command changed the model in the meantime; run this one again`);
      }
      for (const [name, content] of Object.entries(files)) await writeFile(join(fresh, name), content);
      await writeCard(fresh, { ...card, ...sections });
      await renewSums(fresh, ['card.json', ...Object.keys(files)]);
      await keepPoints(folder, fresh);
    },
    { signal, sums: false },
  );
}

/** Lets the points that `convae site` left in the folder `viewer` belong to the new card, too: no section changes latents. */
async function keepPoints(folder: string, fresh: string): Promise<void> {
  const viewer = join(fresh, 'viewer');
  const path = join(viewer, 'manifest.json');
  const manifest = await readFile(path, 'utf8').catch(ignoreMissing);
  if (manifest === undefined) return;
  const [before, after] = [await fileDigest(join(folder, 'card.json')), await fileDigest(join(fresh, 'card.json'))];
  await writeFile(path, manifest.replace(before.sha256, after.sha256));
  await renewSums(viewer, ['manifest.json']);
}

/** Replaces the checksums of changed files in a folder's list; exports of earlier versions have none. */
async function renewSums(folder: string, names: readonly string[]): Promise<void> {
  let sums = await readFile(join(folder, SUMS), 'utf8').catch(ignoreMissing);
  if (sums === undefined) return;
  for (const name of names) {
    const { sha256 } = await fileDigest(join(folder, name));
    sums = sums
      .split('\n')
      .map((line) => (line.endsWith(`  ${name}`) ? `${sha256}  ${name}` : line))
      .join('\n');
  }
  await writeFile(join(folder, SUMS), sums);
}
