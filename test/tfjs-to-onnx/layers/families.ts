import { activations } from './activations.ts';
import { convolutions } from './convolutions.ts';
import { core } from './core.ts';
import { merging } from './merging.ts';
import { normalisation } from './normalisation.ts';
import { pooling } from './pooling.ts';
import { preprocessing } from './preprocessing.ts';
import { recurrent } from './recurrent.ts';

/** Every layer that tfjs-layers documents, with the options that change what it computes. */
export const families = Object.entries({
  activations,
  core,
  convolutions,
  pooling,
  normalisation,
  merging,
  preprocessing,
  recurrent,
});
