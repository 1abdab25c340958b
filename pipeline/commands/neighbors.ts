import { InputError } from '../io/errors.ts';
import { defineCommand } from './command.ts';
import { dataOptionsOf, integers, options, pick, pngFile, readingOptions, text } from './options.ts';
import { number } from './output.ts';

/** Rows of a table on a terminal. */
const SHOWN = 20;

export const neighbors = defineCommand({
  command: 'neighbors <exported>',
  describe: 'Find the images that are most like other images, by their latents',
  options: {
    exported: options.exported,
    query: {
      ...text('image to find others like, or a folder of images; give it again for more'),
      array: true,
      demandOption: true,
    },
    data: { ...options.data, demandOption: true },
    split: { ...options.split, defaultDescription: 'all' },
    ...integers({ k: ['number of images to find', '10'] }),
    sheet: pngFile('sheet', 'draw: each image with those found'),
    ...readingOptions,
    ...pick('device', 'batch-size', 'threads', 'quiet'),
  },
  examples: {
    'neighbors exported/photos --query cat.jpg --data photos --sheet cats.png': 'find the 10 photos most like one',
  },
  async run({ query, k = 10, ...args }, { signal, note, showStages }) {
    const { findNeighbors } = await import('../neighbors/neighbors.ts');
    return showStages((progress, reading) => {
      const dataOptions = dataOptionsOf(args, { signal, note, progress: reading });
      return findNeighbors({ ...args, query: query.map(String), k, dataOptions, signal, progress });
    });
  },
  print: ({ queries, sheet, drawn }) => ({
    head: ['query', 'rank', 'distance', 'class', 'id'],
    rows: queries.flatMap(({ query, neighbors }) =>
      neighbors.map(({ id, class: name, distance }, i) => [query, i + 1, number(distance, 4), name ?? '', id]),
    ),
    notes:
      sheet === undefined
        ? []
        : [
            `sheet ${sheet}${drawn < queries.length ? `: the first ${drawn} of ${number(queries.length)} queries` : ''}`,
          ],
  }),
});

export const duplicates = defineCommand({
  command: 'duplicates <exported>',
  describe: 'Find images that are equal or nearly equal at the size of the model, also across the parts of the data',
  options: {
    exported: options.exported,
    data: { ...options.data, demandOption: true },
    similarity: {
      ...text('least correlation of near duplicates, at 32 pixels a side or fewer'),
      defaultDescription: '0.99',
      coerce(value: string): number {
        const number = value === '' ? Number.NaN : Number(value);
        if (!(number > 0 && number <= 1)) throw new InputError(`--similarity ${value}: expected above 0 and up to 1`);
        return number;
      },
    },
    sheet: pngFile('sheet', 'draw: the two images of each pair, the least similar first'),
    ...readingOptions,
    ...pick('device', 'batch-size', 'threads', 'quiet'),
  },
  examples: {
    'duplicates exported/photos --data photos --sheet pairs.png': 'look at the pairs',
    'duplicates exported/photos --data photos --json': 'list all pairs, with their similarity',
  },
  async run(args, { signal, note, showStages }) {
    const { findDuplicates } = await import('../neighbors/duplicates.ts');
    return showStages((progress, reading) => {
      const dataOptions = dataOptionsOf(args, { signal, note, progress: reading });
      return findDuplicates({ ...args, dataOptions, signal, progress });
    });
  },
  print: ({ images, exact, near, across, pairs, sheet }, args) => ({
    rows: [
      ['images', number(images)],
      ['exact duplicates', number(exact)],
      ['near duplicates', number(near)],
      ['across parts', number(across)],
      ...(sheet === undefined ? [] : [['sheet', sheet]]),
    ],
    notes: [
      ...pairs.slice(0, SHOWN).map(({ first, second, kind, similarity }) => {
        return `${first} = ${second} (${kind === 'exact' ? 'exact' : `near, ${number(similarity, 4)}`})`;
      }),
      ...(args.sheet !== undefined && sheet === undefined ? [`there are no pairs: ${args.sheet} was not written`] : []),
      ...(pairs.length > SHOWN ? [`and ${number(pairs.length - SHOWN)} more pairs: --json lists all`] : []),
    ],
  }),
});
