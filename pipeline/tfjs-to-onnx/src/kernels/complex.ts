import type * as tf from '@tensorflow/tfjs-core';
import { type Emit, type Form, hostValue, imagPart, pairs, plain, plainValue, realPart, Value } from '../forms.ts';
import { mapEach, product, sameShape } from '../ir.ts';
import { cast, combine, elementwise, map } from './elementwise.ts';
import { onnx } from './onnx.ts';
import { type Family, type Rule, rule } from './rule.ts';
import { filled, reshape, sequence } from './shape.ts';

/** The real or the imaginary parts of complex numbers; a real number is its own real part. */
function part(x: Value, form: Form): Value {
  if (x.dtype === 'complex64') return plainValue(x.shape, 'float32', (g) => x.as(form, g));
  return form === realPart ? cast(x, 'float32') : filled(x.shape, 0, 'float32');
}

const partsOf = (x: Value): readonly [Value, Value] => [part(x, realPart), part(x, imagPart)];

/** Complex numbers with these parts. */
export function complex(real: Value, imag: Value): Value {
  if (!sameShape(real.shape, imag.shape)) {
    throw new Error(`the real parts are [${real.shape}], the imaginary parts [${imag.shape}]`);
  }
  const made =
    (x: Value): Emit =>
    (g) =>
      cast(x, 'float32').as(plain, g);
  return new Value(real.shape, 'complex64', realPart, made(real), [[imagPart, made(imag)]]);
}

/** |a + b·i|, by the larger part so that squares neither overflow nor vanish. */
function magnitude(x: Value): Value {
  return elementwise(partsOf(x), ([re, im], g) => {
    const [a, b] = [g.Abs(re), g.Abs(im)];
    const larger = g.Max(a, b);
    const ratio = g.Div(g.Min(a, b), g.Clip(larger, g.float(SMALLEST), g.float(LARGEST)));
    return g.Mul(larger, g.Sqrt(g.Add(g.Mul(ratio, ratio), g.float(1))));
  });
}

/** The smallest normal float32 and the largest finite one. */
const SMALLEST = 2 ** -126;
const LARGEST = (2 - 2 ** -23) * 2 ** 127;

/**
 * The discrete Fourier transform along the last axis. ONNX Runtime's is exact to float32 for powers of two only; another
 * length is a product with the matrix of the transform.
 */
function fourier(input: Value, inverse: boolean): Value {
  const { shape } = input;
  const length = shape.at(-1) ?? 1;
  if ((length & (length - 1)) !== 0) return fourierByMatrix(input, inverse);
  return hostValue(shape, 'complex64', (g) => {
    const rows = g.reshape(input.as(pairs, g), [product(shape) / length, length, 2]);
    return g.reshape(g.DFT(rows, undefined, { axis: 1, inverse: Number(inverse) }), [...shape, 2]);
  });
}

/** (a + bi)·(cos φ − i·sin φ), summed, at the angles φ = 2π·row·column / length; the inverse turns the other way. */
function fourierByMatrix(input: Value, inverse: boolean): Value {
  const length = input.shape.at(-1) ?? 1;
  const places = sequence(0, 1, length, 'int32');
  const rest = (x: Value, by: Value) => onnx.Sub(x, onnx.Mul(onnx.Div(x, by), by));
  const turns = rest(onnx.Mul(reshape(places, [length, 1]), places), filled([], length, 'int32'));
  const turn = ((inverse ? -2 : 2) * Math.PI) / length;
  const angles = combine('Mul', cast(turns, 'float32'), filled([], turn, 'float32'));
  const scale = filled([], inverse ? 1 / length : 1, 'float32');
  const [re, im] = partsOf(input).map((x) => (input.shape.length === 1 ? reshape(x, [1, length]) : x)) as [
    Value,
    Value,
  ];
  const [cos, sin] = [map('Cos', angles), map('Sin', angles)];
  const real = onnx.Add(onnx.MatMul(re, cos), onnx.MatMul(im, sin));
  const imag = onnx.Sub(onnx.MatMul(im, cos), onnx.MatMul(re, sin));
  const [a, b] = [real, imag].map((x) => reshape(inverse ? combine('Mul', x, scale) : x, input.shape)) as [
    Value,
    Value,
  ];
  return complex(a, b);
}

/** Complex numbers, which are held as pairs of reals. */
export const complexNumbers = {
  Complex: rule<tf.ComplexInputs>(({ real, imag }) => complex(real, imag)),
  ComplexAbs: rule<tf.ComplexAbsInputs>(({ x }) => magnitude(x)),
  FFT: rule<tf.FFTInputs>(({ input }) => fourier(input, false)),
  IFFT: rule<tf.IFFTInputs>(({ input }) => fourier(input, true)),
  Imag: rule<tf.ImagInputs>(({ input }) => part(input, imagPart)),
  Real: rule<tf.RealInputs>(({ input }) => part(input, realPart)),
} satisfies Family;

/** Kernels that treat complex numbers in another way than real ones. */
const ofComplex: Family = {
  ...complexNumbers,
  Cast: rule<tf.CastInputs, tf.CastAttrs>(({ x }, { dtype }) =>
    dtype === 'complex64' ? complex(...partsOf(x)) : cast(part(x, realPart), dtype),
  ),
  Identity: rule<tf.IdentityInputs>(({ x }) => x),
  // (a + bi)(c + di) = ac − bd + (ad + bc)i
  Multiply: rule<tf.BinaryInputs>(({ a: x, b: y }) => {
    const [[a, b], [c, d]] = [partsOf(x), partsOf(y)];
    const times = (left: Value, right: Value) => combine('Mul', left, right);
    return complex(combine('Sub', times(a, c), times(b, d)), combine('Add', times(a, d), times(b, c)));
  }),
  OnesLike: rule<tf.OnesLikeInputs>(({ x: { shape } }) =>
    complex(filled(shape, 1, 'float32'), filled(shape, 0, 'float32')),
  ),
};

/** Kernels that do the same to the real and to the imaginary parts. */
const PARTWISE = new Set<string>([
  ...['Add', 'AddN', 'Sub', 'Sum', 'ZerosLike'],
  ...['Concat', 'ExpandDims', 'Pack', 'Reshape', 'Slice', 'SplitV', 'StridedSlice', 'Transpose', 'Unpack'],
  ...['BroadcastTo', 'GatherNd', 'GatherV2', 'Reverse', 'Tile'],
]);

type AnyRule = Rule<Readonly<Record<string, tf.TensorInfo>> | readonly tf.TensorInfo[], object>;

/**
 * Makes rules take complex numbers too; one that cannot then refuses them when it is called.
 */
export function withComplex<Rules extends Family>(rules: Rules): Rules {
  const all = Object.entries(rules).map(([kernel, real]) => [kernel, guarded(kernel, real as AnyRule)]);
  return Object.fromEntries(all) as Rules;
}

function guarded(kernel: string, real: AnyRule): AnyRule {
  const own = ofComplex[kernel as keyof Family] as AnyRule | undefined;
  return (inputs, attrs) => {
    const found = Object.values(inputs).some(({ dtype }) => dtype === 'complex64');
    if (!found && !('dtype' in attrs && attrs.dtype === 'complex64')) return real(inputs, attrs);
    if (own) return own(inputs, attrs);
    if (!PARTWISE.has(kernel)) throw new Error('it takes no complex numbers; apply it to tf.real(x) and tf.imag(x)');
    const of = (form: Form) =>
      real(
        // Indices are no numbers of the result.
        mapEach(inputs, (x) => (x.dtype === 'int32' ? x : part(x, form))),
        attrs,
      );
    const [re, im] = [of(realPart), of(imagPart)];
    const joined = [re].flat().map((value, i) => complex(value, [im].flat()[i] ?? value));
    return Array.isArray(re) ? joined : (joined[0] ?? []);
  };
}
