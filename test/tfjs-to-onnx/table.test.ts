import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { kernels, reasons } from '../../pipeline/tfjs-to-onnx/src/kernels/index.ts';

/** `npx vitest run test/tfjs-to-onnx/table.test.ts -u` writes the file again. */
test('KERNELS.md lists every kernel of tfjs: those that are converted, and why the others are not', async () => {
  // tfjs-core exports the name of each of its kernels under that name.
  const known = new Set(Object.entries(tf).flatMap(([name, value]) => (name === value ? [name] : [])));
  const converted = Object.keys(kernels)
    .filter((name) => known.has(name))
    .sort();
  expect(new Set([...converted, ...Object.keys(reasons)])).toEqual(known);
  const refused = Object.entries(reasons).sort();
  const text = `# Kernels

The kernels of TensorFlow.js, by their names in tfjs-core. This page is made from the tables in [src/kernels](src/kernels).

## Converted: ${converted.length}

${converted.map((name) => `\`${name}\``).join(', ')}

## Refused: ${refused.length}

${refused.map(([name, reason]) => `- \`${name}\`: ${reason}`).join('\n')}
`;
  await expect(text).toMatchFileSnapshot('../../pipeline/tfjs-to-onnx/KERNELS.md');
});
