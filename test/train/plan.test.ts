import { expect, test } from 'vitest';
import { models } from '../../models/index.ts';
import type { ModelDefinition } from '../../models/kit.ts';
import { type RunPlan, runState } from '../../pipeline/artifacts/run.ts';
import { InputError } from '../../pipeline/io/errors.ts';
import type { TrainOptions } from '../../pipeline/train/options.ts';
import { planOf, startOfRun } from '../../pipeline/train/plan.ts';
import { optionsOf } from '../../pipeline/train/recipe-file.ts';
import { resumedPlan } from '../../pipeline/train/resumed-plan.ts';
import { expectFacts, inputErrorOf } from '../data/support.ts';
import { stripeSplits, stripes, tiny, tinyOptions } from './tiny.ts';

const cae = models.cae as ModelDefinition;
const plan = async (more: Partial<TrainOptions> = {}, model = cae, previous?: RunPlan) =>
  (await planOf(model, tinyOptions('runs/x', { model, ...more }), { data: stripeSplits(), previous })).plan;

test('width, depth and loss are part of the plan where they are not the model’s own', async () => {
  const { size, recipe } = await plan({ filters: 16, halvings: 2, pixelLoss: 'l1', ssim: 0.2 });
  expect(size).toMatchObject({ filters: 16, halvings: 2 });
  expect(recipe).toMatchObject({ pixelLoss: 'l1', ssim: 0.2 });
  const own = await plan({ pixelLoss: 'bce' });
  expect(own.recipe.pixelLoss).toBeUndefined();
  expect(own.size).not.toHaveProperty('filters');
  const state = JSON.parse(JSON.stringify({ format: 1, plan: own, position: startOfRun(0) })) as unknown;
  expect(() => runState.parse(state)).not.toThrow();
});

test('a run is resumed with its own, and with no others', async () => {
  const there = await plan({ filters: 16, halvings: 2, pixelLoss: 'mse', ssim: 0.2 });
  expect(resumedPlan('runs/x', there, await plan({}, cae, there), startOfRun(0), cae.conditional).notes).toEqual([]);
  for (const [option, words] of [
    [{ filters: 32 }, 'width is 16 there and 32 here'],
    [{ halvings: 3 }, 'depth is 2 there and 3 here'],
    [{ pixelLoss: 'l1' }, 'pixel loss is mse there and l1 here'],
    [{ ssim: 0.1 }, 'SSIM is 0.2 there and 0.1 here'],
  ] as const) {
    const here = await plan(option, cae, there);
    expect(() => resumedPlan('runs/x', there, here, startOfRun(0), cae.conditional)).toThrow(words);
  }
  const { size, ...rest } = await plan({ halvings: 3 });
  const { halvings: _, ...olderSize } = size;
  const old = { ...rest, size: olderSize };
  const same = await plan({ filters: 32, halvings: 3, pixelLoss: 'bce' }, cae, old);
  expect(resumedPlan('runs/x', old, same, startOfRun(0), cae.conditional).notes).toEqual([]);
});

const shape = { height: 64, width: 64, channels: 3 };
const colours = { name: 'colours', train: stripes(20, { shape }), test: stripes(4, { shape }) };

test.each([
  ['no weight of colour', cae, { colour: 0 }],
  ['a weight of colour', cae, { colour: 2, ssim: 0.5 }],
  ['what suits the images', cae, {}],
  [
    'no SSIM, which the model’s own recipe has',
    { ...cae, recipe: { ...cae.recipe, ssim: 0.5 } },
    { ssim: 0, modelFile: '/cae.ts' },
  ],
  ['a loss that convae’s model of that name has not', { ...tiny, name: 'cae' }, { modelFile: '/cae.ts' }],
])('the options of a plan make it again: %s', async (_, model, more) => {
  const wanted = tinyOptions('runs/x', { model, schedule: 'constant', ...more });
  const { plan: first } = await planOf(model, wanted, { data: colours });
  const { colour, ssim, 'pixel-loss': pixelLoss, augment, schedule, epochs } = optionsOf(first);
  const given = { modelFile: first.modelFile, colour, ssim, pixelLoss, augment, schedule, epochs };
  const again = await planOf(model, tinyOptions('runs/x', { model, ...(given as object) }), { data: colours });
  expect(again.plan).toEqual(first);
});

test.each<[string, object]>([
  ['recipe.optimizer', { optimizer: { name: 'nadam', learningRate: 1e-3 } }],
  ['recipe.schedule', { schedule: 'cosin' }],
])('an unknown %s in the recipe of a user’s model is refused', async (field, more) => {
  const model = { ...tiny, recipe: { ...tiny.recipe, ...more } };
  expectFacts(await inputErrorOf(plan({ modelFile: '/my.ts' }, model)), '/my.ts', field);
});

test('a loss is refused for a model that has its own', async () => {
  await expect(plan({ model: tiny, ssim: 0.2 }, tiny)).rejects.toThrow(InputError);
  await expect(plan({ model: tiny, pixelLoss: 'l1' }, tiny)).rejects.toThrow('--pixel-loss');
  await expect(plan({ model: tiny, colour: 2 }, tiny)).rejects.toThrow('--colour');
  await expect(plan({ colour: 2 })).rejects.toThrow('are gray');
});
