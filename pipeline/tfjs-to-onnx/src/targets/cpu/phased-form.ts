import type { GraphBuilder } from '../../builder.ts';
import type { Form } from '../../forms.ts';
import type { Ref, Shape } from '../../ir.ts';
import { permuteRows } from './rows.ts';

/**
 * The form of images of even height and width, blocked, by phases: four images, declared as `[4·N, C, H/2, W/2]`. Most
 * operators take these one by one, so that they are never joined.
 */
export function phasedForm(b: number, blocked: Form): Form & Required<Pick<Form, 'apart'>> {
  const { channelSums, withChannels, toPlain, to } = blocked as Required<Form>;
  const apart = (ref: Ref, g: GraphBuilder): readonly Ref[] => {
    const images = (ref.shape[0] ?? 0) / 4;
    return g.Split(ref, g.ints([images, images, images, images]), { axis: 0 });
  };
  const together = (parts: readonly Ref[], g: GraphBuilder): Ref => g.Concat(parts, { axis: 0 });
  // [2·2, N·C/b, H/2, W/2, b] with the phases beside the pixels.
  const interleaved = (ref: Ref, [n = 1, h = 1, w = 1, c = 1]: Shape, g: GraphBuilder): Ref => {
    const phases = g.reshape(ref, [2, 2, ((n * c) / b) * (h / 2), w / 2, b]);
    return g.reshape(permuteRows(g, phases, [2, 0, 3, 1]), [n, c, h, w]);
  };
  return {
    name: `phased${b}`,
    from: (value, g) => {
      const [n = 1, h = 1, w = 1, c = 1] = value.shape;
      const pixels = g.reshape(value.as(blocked, g), [((n * c) / b) * (h / 2), 2, w / 2, 2, b]);
      return g.reshape(permuteRows(g, pixels, [1, 3, 0, 2]), [4 * n, c, h / 2, w / 2]);
    },
    toPlain: (ref, shape, g) => toPlain(interleaved(ref, shape, g), shape, g),
    to: new Map([
      [blocked, interleaved],
      ...[...to].map(
        ([form, convert]) =>
          [form, (ref: Ref, shape: Shape, g: GraphBuilder) => convert(interleaved(ref, shape, g), shape, g)] as const,
      ),
    ]),
    apart,
    together,
    withChannels: (ref, vector, combine, g) =>
      together(
        apart(ref, g).map((part) => withChannels(part, vector, combine, g)),
        g,
      ),
    channelSums: (ref, g) =>
      apart(ref, g)
        .map((part) => channelSums(part, g))
        .reduce((a, b) => g.Add(a, b)),
  };
}
