import { backend_util } from '@tensorflow/tfjs-core';
import type { Attributes } from './graph.ts';
import { at, type Infer, ints, need } from './sizes.ts';

export const conv: Infer = ([x, w], attrs) => {
  const [n, , ...spatial] = need(x).shape;
  const { kernel, strides, dilations, pads } = window(attrs, spatial.length);
  const out = spatial.map((d, i) => {
    const span = at(dilations, i) * (at(kernel, i) - 1) + 1;
    return Math.floor((d + at(pads, i) + at(pads, i + spatial.length) - span) / at(strides, i)) + 1;
  });
  return { shape: [at([n], 0), at(need(w).shape, 0), ...out], type: 'float' };
};

export const pool: Infer = ([x], attrs) => {
  const { shape } = need(x);
  const [out] = [conv([need(x), { ...need(x), shape: [at(shape, 1)] }], attrs)].flat();
  return need(out);
};

export const convTranspose: Infer = ([x, w], attrs) => {
  const [n, , ...spatial] = need(x).shape;
  const { kernel, strides, dilations, pads } = window(attrs, spatial.length);
  const extra = ints(attrs.output_padding ?? spatial.map(() => 0));
  const out = spatial.map((d, i) => {
    const span = at(dilations, i) * (at(kernel, i) - 1) + 1;
    return at(strides, i) * (d - 1) + at(extra, i) + span - at(pads, i) - at(pads, i + spatial.length);
  });
  return { shape: [at([n], 0), at(need(w).shape, 1) * Number(attrs.group ?? 1), ...out], type: 'float' };
};

export const matMul: Infer = ([a, b]) => {
  const [x, y] = [need(a).shape, need(b).shape];
  if (x.at(-1) !== y.at(-2)) throw new Error(`MatMul of [${x}] and [${y}]`);
  const batch = backend_util.assertAndGetBroadcastShape(x.slice(0, -2), y.slice(0, -2));
  return { shape: [...batch, at(x, x.length - 2), at(y, y.length - 1)], type: need(a).type };
};

/** 'ij,jk->ik': each letter stands for a length. */
export const einsum: Infer = (inputs, { equation }) => {
  const [from = '', to = ''] = String(equation).split('->');
  const lengths = new Map<string, number>();
  from.split(',').forEach((letters, i) => {
    [...letters.trim()].forEach((letter, axis) => {
      lengths.set(letter, at(need(inputs[i]).shape, axis));
    });
  });
  return { shape: [...to.trim()].map((letter) => need(lengths.get(letter))), type: need(inputs[0]).type };
};

export const gemm: Infer = ([a, b], { transA = 0, transB = 0 }) => {
  const [x, y] = [need(a).shape, need(b).shape];
  const [inner, other] = [at(x, transA ? 0 : 1), at(y, transB ? 1 : 0)];
  if (inner !== other) throw new Error(`Gemm of [${x}] and [${y}], transA ${transA}, transB ${transB}`);
  return { shape: [at(x, transA ? 1 : 0), at(y, transB ? 0 : 1)], type: 'float' };
};

function window(attrs: Attributes, rank: number) {
  const ones = new Array<number>(rank).fill(1);
  return {
    kernel: ints(attrs.kernel_shape ?? ones),
    strides: ints(attrs.strides ?? ones),
    dilations: ints(attrs.dilations ?? ones),
    pads: ints(attrs.pads ?? [...ones, ...ones].fill(0)),
  };
}
