import { expect, test } from 'vitest';
import { models } from '../../models/index.ts';
import { type ModelDefinition, suitRecipe } from '../../models/kit.ts';

const { cae, cae2 } = models as Record<string, ModelDefinition> as { cae: ModelDefinition; cae2: ModelDefinition };
const mnist = { height: 28, width: 28, channels: 1, images: 60_000 };

test.each(Object.values(models))('$name keeps its recipe for MNIST', (model) => {
  expect(suitRecipe(model, mnist)).toEqual({ recipe: model.recipe, reasons: [] });
  expect(suitRecipe(model, { ...mnist, images: 54_000 }).reasons).toEqual([]);
});

test('the recipe follows size and number of the images, with a reason for each change', () => {
  const emoji = suitRecipe(cae, { height: 64, width: 64, channels: 3, images: 13_509 });
  expect(emoji.recipe).toMatchObject({ latent: 128, epochs: 44, batchSize: 32, pixelLoss: 'mse', schedule: 'cosine' });
  expect(emoji.reasons.map((reason) => reason.split(':')[0])).toEqual([
    'latent 128',
    'batch-size 32',
    'pixel-loss mse',
    'epochs 44',
    'schedule cosine',
  ]);
  expect(emoji.reasons[0]).toContain('16 times');
});

test.each([
  [
    { ...mnist, images: 1_000 },
    { latent: 10, epochs: 500 },
  ],
  [
    { ...mnist, images: 1_000_000 },
    { latent: 10, epochs: 2 },
  ],
  [
    { height: 32, width: 32, channels: 3, images: 50_000 },
    { latent: 32, epochs: 10 },
  ],
  [
    { height: 8, width: 8, channels: 1, images: 1_500 },
    { latent: 10, halvings: 2, batchSize: 128 },
  ],
  [
    { height: 128, width: 128, channels: 3, images: 60_000 },
    { latent: 512, halvings: 4, batchSize: 32 },
  ],
  [
    { height: 512, width: 512, channels: 3, images: 60_000 },
    { latent: 512, halvings: 6, batchSize: 8 },
  ],
  [
    { height: 16, width: 200, channels: 1, images: 60_000 },
    { latent: 32, batchSize: 32 },
  ],
])('%o', (images, recipe) => {
  expect(suitRecipe(cae, images).recipe).toMatchObject(recipe);
});

test('a variational model keeps its likelihood, and small or gray images their cross-entropy', () => {
  const colours = { height: 64, width: 64, channels: 3, images: 60_000 };
  expect(suitRecipe(models.cvae as ModelDefinition, colours).recipe.pixelLoss).toBeUndefined();
  expect(suitRecipe(cae, { ...colours, channels: 1 }).recipe.pixelLoss).toBeUndefined();
  expect(suitRecipe(cae, colours).recipe.pixelLoss).toBe('mse');
});

test('few larger images: more steps, mirrored and moved, and not as many epochs as would be learned by heart', () => {
  const sprites = { height: 56, width: 68, channels: 3, images: 1_217 };
  expect(suitRecipe(cae, sprites).recipe).toMatchObject({
    latent: 128,
    batchSize: 16,
    epochs: 80,
    augment: 'flip,shift=0.06',
    colour: 4,
  });
  expect(suitRecipe(cae, sprites).recipe.pixelLoss).toBe('mse');
  expect(suitRecipe(cae, { ...sprites, channels: 1 }).recipe.pixelLoss).toBeUndefined();
  expect(suitRecipe(cae, { ...sprites, channels: 1 }).recipe.colour).toBeUndefined();
  expect(suitRecipe(cae, sprites, { colour: 0 }).recipe.colour).toBeUndefined();
  expect(suitRecipe(cae, { ...sprites, images: 12_170 }).recipe.colour).toBeUndefined();
  expect(suitRecipe(models.cvae as ModelDefinition, sprites).recipe.colour).toBeUndefined();
  expect(suitRecipe(cae, sprites, { augment: 'none' }).recipe.augment).toBeUndefined();
  expect(suitRecipe(models.cvae as ModelDefinition, sprites).recipe.augment).toBeUndefined();
  expect(suitRecipe(cae, { ...mnist, images: 1_217 }).recipe.augment).toBeUndefined();
  expect(suitRecipe(cae, { ...sprites, images: 12_170 }).recipe.augment).toBeUndefined();
  const flags = suitRecipe(cae, { ...sprites, images: 230 });
  expect(flags.recipe.epochs).toBe(209); // 48,000 images seen
  expect(flags.suggestion).toMatch(/230 .*--augment/);
});

test('a recipe of many epochs is for small images', () => {
  const { 'conv-ae': convAe } = models as { 'conv-ae': ModelDefinition };
  const { recipe, reasons } = suitRecipe(convAe, { height: 64, width: 64, channels: 3, images: 60_000 });
  expect(recipe.epochs).toBe(20);
  expect(reasons.find((reason) => reason.startsWith('epochs'))).toContain('larger');
  expect(suitRecipe(convAe, { ...mnist, images: 30_000 }).recipe.epochs).toBe(400);
});

test('what the user has chosen is not changed', () => {
  const { recipe, reasons } = suitRecipe(cae, { ...mnist, images: 6_000 }, { epochs: 3, latent: undefined });
  expect(recipe.epochs).toBe(cae.recipe.epochs);
  expect(reasons).toEqual([]);
});

test('a latent that is to be plotted stays, and a better model is named', () => {
  const { recipe, suggestion } = suitRecipe(cae2, { height: 64, width: 64, channels: 3, images: 60_000 });
  expect(recipe.latent).toBe(2);
  expect(suggestion).toContain('convae train cae');
  expect(suitRecipe(cae, { height: 64, width: 64, channels: 3, images: 60_000 }).suggestion).toBeUndefined();
});
