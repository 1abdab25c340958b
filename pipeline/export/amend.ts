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
      let sums = await readFile(join(fresh, SUMS), 'utf8').catch(ignoreMissing);
      if (sums === undefined) return; // an export of an earlier version
      for (const name of ['card.json', ...Object.keys(files)]) {
        const { sha256 } = await fileDigest(join(fresh, name));
        sums = sums
          .split('\n')
          .map((line) => (line.endsWith(`  ${name}`) ? `${sha256}  ${name}` : line))
          .join('\n');
      }
      await writeFile(join(fresh, SUMS), sums);
    },
    { signal, sums: false },
  );
}
