#!/usr/bin/env bash
# Builds and packs tfjs-to-onnx, installs it into an empty project, and runs what its README shows. Needs the registry.
set -euo pipefail
package=$(cd "$(dirname "$0")/../../pipeline/tfjs-to-onnx" && pwd)
app=$(mktemp -d)
trap 'rm -rf "$app"' EXIT

cd "$package"
npm run --silent build # prepack would, if .npmrc did not turn scripts off
npm pack --silent --pack-destination "$app"
npx --no-install publint --strict

cd "$app"
echo '{ "private": true, "type": "module" }' >package.json
npm install --silent --ignore-scripts --no-audit --no-fund ./tfjs-to-onnx-*.tgz @tensorflow/tfjs-{core,layers,backend-cpu}@4.22.0 \
  onnxruntime-node@1.30.0 typescript@6.0.3 @types/node@20

awk '/^```js$/ { block += 1; on = 1; next } /^```/ { on = 0 } on { print > ("snippet" block ".js") }' "$package/README.md"
for snippet in snippet*.js; do
  echo "== $snippet"
  node "$snippet"
done

echo '== types'
cat >types.ts <<'TS'
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { convertLayersModel, cpu, type Graph, lowerTape, print, type Tape, trace } from 'tfjs-to-onnx';

export const bytes = (model: LayersModel): Uint8Array => convertLayersModel(model);
const tape: Tape = trace(({ x }) => ({ y: x }), { inputs: { x: { shape: [2], dtype: 'float32' } } });
const graph: Graph = lowerTape(tape, cpu(16));
export const text: string = print(graph);
TS
for resolution in nodenext bundler; do
  module=$([ "$resolution" = nodenext ] && echo nodenext || echo esnext)
  npx --no-install tsc --noEmit --strict --skipLibCheck --target es2022 --types node --module "$module" --moduleResolution "$resolution" types.ts
done

echo '== command'
cat >model.mjs <<'JS'
import '@tensorflow/tfjs-backend-cpu';
import { writeFileSync } from 'node:fs';
import { layers, sequential } from '@tensorflow/tfjs-layers';
await sequential({ name: 'm', layers: [layers.dense({ units: 2, inputShape: [3] })] }).save({
  async save({ modelTopology, weightSpecs, weightData }) {
    writeFileSync('weights.bin', new Uint8Array(weightData));
    writeFileSync('model.json', JSON.stringify({ modelTopology, weightsManifest: [{ paths: ['weights.bin'], weights: weightSpecs }] }));
    return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
  },
});
JS
node model.mjs
npx --no-install tfjs-to-onnx model.json model.onnx
echo 'the package works'
