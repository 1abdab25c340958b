import { DerivedConstants } from '../numbers.ts';
import type { Tape } from '../tape.ts';
import { absorb } from './absorb.ts';
import { foldConstants, withoutDead } from './fold.ts';
import { fuse } from './fuse.ts';
import { layerNorms } from './layer-norm.ts';
import { unstackProducts } from './products.ts';
import { joinReshapes, sinkReshapes } from './reshapes.ts';
import { roll } from './roll.ts';

export interface PrepareOptions {
  /**
   * Whether each weight keeps an initializer of its own with its numbers, so that `findWeights` finds all of them; by
   * default, constants are computed with them where that saves nodes.
   */
  readonly keepWeights?: boolean;
  readonly derived?: DerivedConstants;
}

/**
 * The passes over the tapes of one program, traced at one or several batch sizes, before they are lowered. What they
 * change is the same in all.
 */
export function prepared(
  traced: readonly Tape[],
  { keepWeights = false, derived = new DerivedConstants() }: PrepareOptions = {},
): Tape[] {
  return foldConstants(traced.map(roll).map(layerNorms), keepWeights)
    .map((tape) => absorb(tape, { keepWeights, derived }))
    .map((tape) => withoutDead(joinReshapes(unstackProducts(tape))))
    .map((tape) => withoutDead(joinReshapes(sinkReshapes(tape))))
    .map(fuse);
}
