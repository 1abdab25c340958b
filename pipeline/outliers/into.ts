import type { Usual } from '../analyse/unusual.ts';
import type { Outliers } from '../artifacts/outliers.ts';
import { amendExport } from '../export/amend.ts';
import type { ExportedModel } from '../inference/exported.ts';

/**
 * Writes what is normal into a model's card.
 * @throws as `amendExport`
 */
export async function addToCard(
  model: ExportedModel,
  usual: Usual | undefined,
  { reference, normal, tails, flagAbove }: Outliers,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!usual) throw new Error('a card holds no neighbours');
  const rows = (matrix: readonly (readonly number[])[]) => matrix.map((row) => [...row]);
  const plain = { weights: [...usual.weights], means: rows(usual.means), factors: rows(usual.factors) };
  await amendExport(model, { outliers: { reference, normal, usual: plain, tails, flagAbove } }, {}, signal);
}
