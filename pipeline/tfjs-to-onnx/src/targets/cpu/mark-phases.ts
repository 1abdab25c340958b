import { ELEMENTWISE } from '../../passes/group-updates.ts';
import { usersIn } from '../../passes/users.ts';
import { inputsOf, type Tape, type TapeOp, type TapeValue } from '../../tape.ts';

/** Which calls of a tape can give images by phases, and which are faster on such images. */
export interface Phased {
  gives(op: TapeOp): boolean;
  takes(op: TapeOp): TapeValue | undefined;
}

/**
 * Marks the calls that are to give their images by phases: where all values that are combined elementwise come from such
 * calls, and a convolution takes one of them.
 */
export function markPhases(tape: Tape, { gives, takes }: Phased): Tape {
  const usersOf = usersIn(tape);
  const makers = new Map(tape.ops.flatMap((op) => op.outputs.map((output) => [output, op] as const)));
  const marked = new Set<TapeOp>();
  for (const op of tape.ops) {
    const wanted = takes(op);
    const group = wanted && groupOf(wanted);
    if (group?.every((maker) => maker && gives(maker))) for (const maker of group) marked.add(maker as TapeOp);
  }
  return {
    ...tape,
    ops: tape.ops.map((op) => (marked.has(op) ? { ...op, attrs: { ...op.attrs, phased: true } } : op)),
  };

  /** What makes the values that are combined with one elementwise, directly or by way of others. */
  function groupOf(value: TapeValue): (TapeOp | undefined)[] {
    const [group, makersOfGroup] = [new Set([value]), new Set<TapeOp | undefined>()];
    for (const one of group) {
      const maker = makers.get(one);
      const isImage = ({ shape }: TapeValue) => `${shape}` === `${one.shape}`;
      if (maker && isElementwise(maker)) for (const input of inputsOf(maker).filter(isImage)) group.add(input);
      else makersOfGroup.add(maker);
      for (const user of usersOf(one).filter(isElementwise)) {
        for (const other of [...user.outputs, ...inputsOf(user)].filter(isImage)) group.add(other);
      }
    }
    return [...makersOfGroup];
  }
}

const isElementwise = ({ kernel }: TapeOp): boolean =>
  ELEMENTWISE.has(kernel) || ['Cast', 'Relu', 'Step'].includes(kernel);
