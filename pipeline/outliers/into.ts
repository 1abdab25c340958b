import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Usual } from '../analyse/usual.ts';
import { writeCard } from '../artifacts/exported.ts';
import type { Outliers } from '../artifacts/outliers.ts';
import type { ExportedModel } from '../inference/exported.ts';
import { fileDigest } from '../io/digest.ts';
import { ignoreMissing } from '../io/errors.ts';
import { publishFolder } from '../io/publish.ts';
import { STAGING } from '../io/staging.ts';
import { SUMS } from '../io/sums.ts';

const CARD = 'card.json';

/**
 * Writes what is normal into a model's card. The folder is exchanged as a whole, since its card and its list of checksums belong
 * together.
 * @throws InputError, EnvironmentError; Interrupted after `signal`
 */
export async function addToCard(
  { folder, card }: ExportedModel,
  usual: Usual | undefined,
  { reference, normal, tails, flagAbove }: Pick<Outliers, 'reference' | 'normal' | 'tails' | 'flagAbove'>,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!usual) throw new Error('a card holds no neighbours');
  const rows = (matrix: readonly (readonly number[])[]) => matrix.map((row) => [...row]);
  const plain = { weights: [...usual.weights], means: rows(usual.means), factors: rows(usual.factors) };
  const outliers = { reference, normal, usual: plain, tails, flagAbove };
  await publishFolder(
    folder,
    async (fresh) => {
      for (const name of await readdir(folder)) {
        if (name !== STAGING) await cp(join(folder, name), join(fresh, name), { recursive: true });
      }
      await writeCard(fresh, { ...card, outliers });
      const sums = await readFile(join(fresh, SUMS), 'utf8').catch(ignoreMissing);
      if (sums === undefined) return; // an export of an earlier version
      const { sha256 } = await fileDigest(join(fresh, CARD));
      await writeFile(join(fresh, SUMS), sums.replace(/^[0-9a-f]{64}(?= {2}card\.json$)/m, sha256));
    },
    { signal, sums: false },
  );
}
