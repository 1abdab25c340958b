import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const readme = readFileSync(new URL('../../pipeline/tfjs-to-onnx/README.md', import.meta.url), 'utf8');
const examples = [...readme.matchAll(/^```js\n([\s\S]*?)^```/gm)].map(([, source = '']) => source);

test.each(['compile(', 'new GraphRunner(', 'setBackend('])(
  'the example of `%s` prints the value in its comment',
  (call) => {
    const example = examples.find((source) => source.includes(call)) ?? '';
    const source = example
      .replace("'tfjs-to-onnx'", "'./pipeline/tfjs-to-onnx/src/index.ts'")
      .replace("'tfjs-to-onnx/run'", "'./pipeline/tfjs-to-onnx/src/run.ts'")
      .replace("'tfjs-to-onnx/backend'", "'./pipeline/tfjs-to-onnx/src/eager.ts'");
    const args = ['--import', 'tsx', '--input-type=module', '--eval', source];
    const [, expected] = /console\.log\(.*\); \/\/ (.+)/.exec(example) ?? [];
    const printed = execFileSync(process.execPath, args, {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    expect(printed.trim().split('\n').at(-1)).toBe(expected);
  },
);
