import type { Card } from '../artifacts/card.ts';
import { InputError } from '../io/errors.ts';

/**
 * The classes that are to be generated, by index: the one asked for, or all.
 * @param asked a class's name, or its index where no class has that name, or `all`
 * @returns undefined where the decoder takes no class
 * @throws InputError when there is no such class, or the decoder takes none
 */
export function classesAsked(card: Card, asked: string | undefined): number[] | undefined {
  const { model, conditional, classes } = card;
  if (!conditional.decoder) {
    if (asked === undefined) return undefined;
    throw new InputError(`--class ${asked}: the decoder of ${model.name} takes no class; leave --class out`);
  }
  const named = asked === undefined ? -1 : (classes?.indexOf(asked) ?? -1);
  if (named >= 0) return [named];
  if (asked === undefined || asked === 'all') {
    if (classes) return classes.map((_, index) => index);
    throw new InputError(
      `the card of ${model.name} does not say how many classes there are; give one with --class INDEX`,
    );
  }
  const index = /^\d+$/.test(asked) ? Number(asked) : -1;
  if (index >= 0 && index < (classes?.length ?? Number.POSITIVE_INFINITY)) return [index];
  throw new InputError(
    `--class ${asked}: ${model.name} has no such class; expected all, ${classes ? `${listed(classes)} or an index up to ${classes.length - 1}` : 'or an index'}`,
  );
}

/** Names of classes, the first of many. */
const listed = (classes: readonly string[]): string =>
  classes.length <= 20 ? classes.join(', ') : `${classes.slice(0, 20).join(', ')}, …`;

/** What a class is called. */
export const className = ({ classes }: Card, index: number): string => classes?.[index] ?? String(index);
