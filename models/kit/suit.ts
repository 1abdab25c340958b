import type { ModelDefinition, Recipe } from './model.ts';

/** The training images of a data set: their size in pixels, and how many there are. */
export interface TrainingImages {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly images: number;
}

/** A recipe for certain images. */
export interface SuitedRecipe {
  readonly recipe: Recipe;
  /** One sentence for each change from the model's own recipe, such as `latent 128: images of 64×64×3 have …`. */
  readonly reasons: readonly string[];
  /** One sentence, where another model suits the images better. */
  readonly suggestion?: string | undefined;
}

/** What recipes are made for: 60,000 images of 28×28×1. */
const MNIST = { values: 28 * 28, images: 60_000 };
/** Values of an image for each dimension of its latent. */
const VALUES_PER_DIMENSION = 96;
const MOST_DIMENSIONS = 512;
const MOST_EPOCHS = 500;
/** Of larger images than MNIST's, as many are seen as in so many epochs of MNIST at the most: an epoch takes long. */
const MOST_OF_LARGER = 20;
/** Images with so many times the values of MNIST's have more to learn from each: smaller batches give more steps. */
const MUCH_LARGER = 2;
/** The batch for such images, for few of them, and the smallest, where memory matters. */
const [SMALL_BATCH, BATCH_OF_FEW, SMALLEST_BATCH] = [32, 16, 8];
/** Fewer images are few: an epoch has few steps, and a model can learn all of them by heart. */
export const FEW = 5000;
/** Images that are far too few for a model to learn what others look like. */
const VERY_FEW = 500;
/** How few larger images are changed: moved, they are not learned by heart in so many epochs. */
const MOVED = 'flip,shift=0.06';
/** Of their colours, which may be a small part of the error, more than the error itself teaches. */
const COLOUR_WEIGHT = 4;
/** Epochs after which few larger images are known by heart, mirrored or not; of very few, until as many are seen in all. */
const [MOST_EPOCHS_OF_FEW, SEEN_OF_FEW] = [80, 48_000];
/** Pixels of the largest batch: 32 images of 128×128. */
const PIXELS_PER_BATCH = 32 * 128 * 128;
/** Side of the feature map that the halvings aim at. */
const FEATURE_MAP = 8;
/** Colour images of that many values are more than a latent of a few dimensions can hold. */
const COLOUR = 32 * 32 * 3;

/** Whether images have so many values that they need more than the recipes for MNIST give. */
export const isMuchLarger = ({ height, width, channels }: Omit<TrainingImages, 'images'>): boolean =>
  height * width * channels > MUCH_LARGER * MNIST.values;

/**
 * Changes a model's recipe, which is made for MNIST, so that it suits other images. For as many images of MNIST's size it
 * is the recipe itself, without reasons.
 * @param given what the user has chosen: it is not changed, and gets no reason
 */
export function suitRecipe(
  { name, recipe, pixelLoss, withLoss }: Pick<ModelDefinition, 'name' | 'recipe' | 'pixelLoss' | 'withLoss'>,
  { height, width, channels, images }: TrainingImages,
  given: { readonly [Name in keyof Recipe]?: Recipe[Name] | undefined } = {},
): SuitedRecipe {
  const values = height * width * channels;
  const [pixels, size] = [`images of ${width}×${height}`, `images of ${width}×${height}×${channels}`];
  const { epochs, batchSize, latent, halvings = 3, schedule = 'constant' } = recipe;
  const changes: { -readonly [Name in keyof Recipe]?: Recipe[Name] } = {};
  const reasons: string[] = [];
  const change = <Name extends keyof Recipe>(field: Name, from: Recipe[Name], to: Recipe[Name], reason: string) => {
    if (to === from || given[field] !== undefined) return;
    changes[field] = to;
    reasons.push(`${OPTIONS[field] ?? field} ${to}: ${reason}`);
  };

  if (!recipe.fixedLatent) {
    const dimensions = Math.min(MOST_DIMENSIONS, 2 ** Math.round(Math.log2(values / VALUES_PER_DIMENSION)));
    const reason = `${size} have ${rounded(values / MNIST.values)} times the values of 28×28×1`;
    change('latent', latent, Math.max(latent, dimensions), reason);
  }
  const wanted = Math.max(3, Math.round(Math.log2(Math.sqrt(height * width) / FEATURE_MAP)));
  const possible = Math.floor(Math.log2(Math.min(height, width) / 1.5));
  const times = Math.max(1, Math.min(wanted, possible));
  const map = `${Math.ceil(width / 2 ** times)}×${Math.ceil(height / 2 ** times)}`;
  change('halvings', halvings, times, `${pixels} end in a feature map of ${map}`);
  const larger = isMuchLarger({ height, width, channels });
  const few = images < FEW;
  const count = images.toLocaleString('en');
  if (larger) {
    const fitting = Math.max(SMALLEST_BATCH, 2 ** Math.floor(Math.log2(PIXELS_PER_BATCH / (height * width))));
    const small = few ? BATCH_OF_FEW : SMALL_BATCH;
    change('batchSize', batchSize, Math.min(batchSize, small, fitting), `${size} need many steps`);
  }
  // A variational model's error is a likelihood, which its KL divergence adds to, and its samples are as the images are.
  const plain = withLoss && recipe.beta === undefined;
  if (larger && channels > 1 && plain && pixelLoss === 'binary cross-entropy') {
    change('pixelLoss', recipe.pixelLoss, 'mse', 'squared error falls faster so than with cross-entropy');
  }
  if (larger && few && channels > 1 && plain) {
    change('colour', recipe.colour, COLOUR_WEIGHT, 'brightness alone is learned from few images otherwise');
  }
  if (larger && few && plain) {
    change(
      'augment',
      recipe.augment,
      MOVED,
      `few images (${count}) are learned by heart unless they change; --augment none leaves them as they are`,
    );
  }

  // About as many images are seen in all; sets of nearly MNIST's size keep the recipe's epochs.
  const share = MNIST.images / images;
  const most = larger ? Math.min(epochs, MOST_OF_LARGER) : epochs;
  if (share > 1.5 || share < 2 / 3 || most < epochs) {
    const seen = Math.max(Math.ceil(most / 5), Math.round(most * share));
    const [fewer, more] = ['fewer images need more epochs for as many steps', 'more images need fewer epochs'];
    const why = most < epochs ? 'larger ones take longer' : share > 1 ? fewer : more;
    const known = larger && few ? Math.max(MOST_EPOCHS_OF_FEW, Math.round(SEEN_OF_FEW / images)) : MOST_EPOCHS;
    change('epochs', epochs, Math.min(MOST_EPOCHS, known, seen), `for ${count} training images; ${why}`);
  }
  if (schedule === 'constant' && reasons.length > 0) {
    change('schedule', schedule, 'cosine', 'a learning rate that falls to 0 ends at a lower loss');
  }
  return {
    recipe: { ...recipe, ...changes },
    reasons,
    suggestion: suggestionFor(name, recipe, { values, size, images }),
  };
}

/** The options of fields whose names differ. */
const OPTIONS: { readonly [Name in keyof Recipe]?: string } = {
  batchSize: 'batch-size',
  halvings: 'depth',
  pixelLoss: 'pixel-loss',
};

const rounded = (factor: number): string => String(factor < 10 ? Math.round(factor * 10) / 10 : Math.round(factor));

function suggestionFor(
  name: string,
  { fixedLatent }: Recipe,
  { values, size, images }: { values: number; size: string; images: number },
): string | undefined {
  if (fixedLatent && values >= COLOUR) {
    return `${name} has a latent that is made to be plotted, too small to rebuild ${size}: for that use \`convae train cae\``;
  }
  if (images < VERY_FEW) {
    return `only ${images} ${images === 1 ? 'image' : 'images'} to train on: a model learns them by heart, and rebuilds others much worse; more images help most, then --augment flip,shift=0.1,zoom=0.1`;
  }
  return undefined;
}
