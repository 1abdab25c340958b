import { gallery, site } from './collections.ts';
import type { Command } from './command.ts';
import { encode, evaluate, reconstruct, sample } from './exported.ts';
import { doctor, setup } from './machine.ts';
import { exportCommand, models, train } from './training.ts';

/** Every command, in the order of `--help`. */
export const commands: readonly Command[] = [
  train,
  exportCommand,
  encode,
  evaluate,
  sample,
  reconstruct,
  gallery,
  site,
  models,
  setup,
  doctor,
];
