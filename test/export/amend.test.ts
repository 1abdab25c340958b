import { expect, test } from 'vitest';
import { amendExport } from '../../pipeline/export/amend.ts';
import { openExported } from '../../pipeline/inference/exported.ts';
import { expectFacts, inputErrorOf, scratchFolder } from '../data/support.ts';
import { exportTiny } from '../encode/tiny-model.ts';

const scratch = scratchFolder();

test('what another command has added to a model since it was opened is not lost', async () => {
  const folder = await exportTiny(scratch('exported'));
  const model = await openExported(folder);
  const named = (summary: string) => ({ model: { ...model.card.model, summary } });
  await amendExport(model, named('first'), {}, undefined);
  expectFacts(await inputErrorOf(amendExport(model, named('second'), {}, undefined)), folder, 'another command');
  expect((await openExported(folder)).card.model.summary).toBe('first');
});
