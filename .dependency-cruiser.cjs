/** The rooms of pipeline/, from the bottom up: each may import only itself and the rooms before it. */
const ROOMS = [
  'pipeline/tfjs-to-onnx',
  'models',
  'pipeline/io',
  'pipeline/artifacts',
  'pipeline/data',
  'pipeline/devices',
  'pipeline/pictures',
  'pipeline/train',
  'pipeline/inference',
  'pipeline/analyse',
  'pipeline/describe',
  'pipeline/export',
  'pipeline/encode',
  'pipeline/check',
  'pipeline/generate',
  'pipeline/neighbors',
  'pipeline/report',
  'pipeline/cluster',
  'pipeline/outliers',
  'pipeline/site',
  'pipeline/gallery',
  'pipeline/runs',
  'pipeline/setup',
  'pipeline/commands',
  'pipeline/cli.ts',
];
const within = (rooms) => `^(${rooms.map((room) => room.replaceAll('.', '\\.')).join('|')})(/|$)`;

/** Modules that the page imports, and what they may import. */
const SCHEMAS =
  '^pipeline/artifacts/(card|clusters|columns|distances|fields|fits|metrics|outliers|outlier-section|preprocessing|report|run|site)\\.ts$';

/** What judges an image by a card, in the page, too. */
const JUDGE = '^pipeline/(analyse/(outlier-score|tail|unusual)|data/rows)\\.ts$';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-cycle', severity: 'error', from: {}, to: { circular: true } },
    ...ROOMS.slice(0, -1).map((room, i) => ({
      name: `${room.split('/').at(-1)}-imports-downward`,
      severity: 'error',
      from: { path: within([room]) },
      to: { path: within(ROOMS.slice(i + 1)) },
    })),
    {
      name: 'schemas-stay-pure',
      comment: 'The page imports these modules: types of models aside, they need only zod and readers of tables.',
      severity: 'error',
      from: { path: SCHEMAS },
      to: {
        pathNot: [SCHEMAS, '^node_modules/(zod|d3-dsv|hyparquet|hyparquet-compressors)/'],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'judge-stays-pure',
      severity: 'error',
      from: { path: JUDGE },
      to: { pathNot: [JUDGE, SCHEMAS], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'page-imports-schemas',
      severity: 'error',
      from: { path: '^web-viewer/src/' },
      to: {
        path: '^(pipeline|models)/',
        pathNot: [SCHEMAS, JUDGE, '^pipeline/pictures/palette\\.ts$', '^pipeline/tfjs-to-onnx/src/run\\.ts$'],
      },
    },
    {
      name: 'no-import-of-the-page',
      severity: 'error',
      from: { path: '^(pipeline|models)/' },
      to: { path: '^(web-viewer|test|bench)/' },
    },
    { name: 'resolvable', severity: 'error', from: { path: '^(pipeline|models)/' }, to: { couldNotResolve: true } },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '/(dist|node_modules/.*/node_modules)/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
