/**
 * Benchmarks the page in a browser: slider moves, panning and zooming many points, time to the first picture, bytes and memory.
 *
 *     npm run bench:viewer -- SITE [--model cvae] [--many MODEL] [--slow | --only-map | --images 500000]
 *
 * `SITE` is a folder of `convae site`. `--many` names the model whose map is moved (build the site with `--split all`); its
 * frames are compared with those of an empty page in the same browser. `--slow` measures only the first pictures, over Fast 3G
 * and with a CPU four times slower. `--images` measures only the map, with so many images: those of the site again and again.
 */
import { rm } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { median } from '../rounds.ts';
import { exploreMap } from './explore.ts';
import { siteOfMany } from './many.ts';
import { memoryOf, processorTime } from './memory.ts';
import { openBench } from './open.ts';
import { emptyFrames, moveMap } from './panning.ts';
import { moveSliders } from './sliders.ts';
import { bytesOverTheWire } from './wire.ts';

const [MOVES, MANY_MOVES, FRAMES, ROUNDS, SLOW_ROUNDS] = [200, 1000, 240, 5, 2];
/** Milliseconds after which a map of many images is at rest. */
const REST = 5000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string', default: 'cvae' },
    many: { type: 'string' },
    slow: { type: 'boolean' },
    'only-map': { type: 'boolean' },
    images: { type: 'string' },
  },
});
const site = positionals[0] ?? 'web-viewer/dist';

const table = new Table({ head: ['', 'median', 'min', 'max'], style: { head: [], border: [] } });
if (values.slow) await firstPictures(true);
else if (values.images) await many(Number(values.images));
else if (values['only-map']) await moving(values.many ?? values.model);
else await everything();
console.log(table.toString());

async function everything(): Promise<void> {
  await firstPictures(false);
  await sliders();
  await moving(values.many ?? values.model);
}

function add(name: string, times: readonly number[], unit = 'ms', digits = 1): void {
  const text = (value: number) => `${value.toFixed(digits)} ${unit}`;
  table.push([name, text(median(times)), text(Math.min(...times)), text(Math.max(...times))]);
}

/** Measures the first picture in fresh browsers with an empty cache. */
async function firstPictures(slow: boolean): Promise<void> {
  const [maps, times]: [number[], number[]] = [[], []];
  for (let i = 0; i < (slow ? SLOW_ROUNDS : ROUNDS); i++) {
    const bench = await openBench(site, `#model=${values.model}`, slow);
    await bench.page.waitForFunction(() => window.watched.firstDrawn > 0, null, { timeout: 120_000 });
    times.push(await bench.page.evaluate(() => window.watched.firstDrawn));
    maps.push(await bench.page.evaluate(() => window.watched.firstMap));
    if (i === 0) {
      await bench.page.waitForLoadState('networkidle');
      const { own, runtime, all } = await bytesOverTheWire(site, bench.url, bench.fetched);
      for (const [name, bytes] of Object.entries({ 'own scripts and styles': own, 'ONNX Runtime': runtime, all })) {
        add(`bytes with gzip: ${name}`, [bytes / 1000], 'kB', 0);
      }
    }
    await bench.close();
  }
  add('from opening to the first map', maps, 'ms', 0);
  add('from opening to the first decoded picture', times, 'ms', 0);
}

async function sliders(): Promise<void> {
  const bench = await openBench(site, `#model=${values.model}`);
  const { browser, page } = bench;
  await moveSliders(page, MOVES); // warms up
  const { answered, draw } = await moveSliders(page, MOVES);
  add(`slider move: request to the worker until its answer, ${MOVES} moves`, answered, 'ms', 2);
  add('slider move: input event to pixels drawn', draw, 'ms', 2);
  const before = await memoryOf(browser, page);
  await moveSliders(page, MANY_MOVES);
  const after = await memoryOf(browser, page);
  const grown = (name: 'scripts' | 'process') => [(after[name] - before[name]) / 1e6];
  add(`memory grown in ${MANY_MOVES} moves: scripts`, grown('scripts'), 'MB');
  add(`memory grown in ${MANY_MOVES} moves: the page’s process`, grown('process'), 'MB');
  await bench.close();
}

/** Measures a map of so many images. Processor time is that of the page's process, which means something on a busy machine. */
async function many(images: number): Promise<void> {
  const folder = await siteOfMany(site, values.model, images);
  const { browser, page, close } = await openBench(folder, `#model=${values.model}`);
  const spent = async <T>(name: string, act: () => Promise<T>): Promise<T> => {
    const before = await processorTime(browser);
    const result = await act();
    add(`${name}: processor time`, [(await processorTime(browser)) - before], 's', 2);
    return result;
  };
  const memory = async (when: string) => {
    await page.waitForTimeout(REST);
    const { scripts, process } = await memoryOf(browser, page);
    add(`memory ${when}: scripts`, [scripts / 1e6], 'MB', 0);
    add(`memory ${when}: the page’s process`, [process / 1e6], 'MB', 0);
  };
  try {
    await page.waitForFunction(() => window.watched.firstMap > 0, null, { timeout: 120_000 });
    add('from opening to the first map', [await page.evaluate(() => window.watched.firstMap)], 'ms', 0);
    add('from opening until the model is ready, too: processor time', [await processorTime(browser)], 's', 2);
    await memory('at rest');
    const explored = await spent('search, colour and lasso', () => exploreMap(page, 'class:4'));
    add('search for a class, until its images are listed', [explored.search], 'ms', 0);
    add('colour by error', [explored.colour], 'ms', 0);
    add('a frame while a lasso is drawn', explored.lassoFrames, 'ms', 0);
    add('from its end until its images are listed', [explored.lasso], 'ms', 0);
    await memory('with most of them selected');
    await page.locator('.map-chosen').getByRole('button', { name: 'Close' }).click();
    for (const movement of ['pan', 'zoom'] as const) {
      const frames = await spent(`${movement}, ${FRAMES} frames`, () => moveMap(page, FRAMES, movement));
      add(`${movement}: a frame`, frames, 'ms', 1);
    }
    await page.locator('.map-stage').hover();
    for (let i = 0; i < 8; i++) await page.mouse.wheel(0, -240);
    await memory('zoomed in, with images');
  } finally {
    await close();
    await rm(folder, { recursive: true });
  }
}

async function moving(name: string): Promise<void> {
  const bench = await openBench(site, `#model=${name}`);
  await bench.page.waitForTimeout(2000);
  const points = Number(await bench.page.getAttribute('[data-points]', 'data-points')).toLocaleString('en-US');
  for (const movement of ['pan', 'zoom'] as const) {
    await moveMap(bench.page, FRAMES, movement); // warms up
    const ratios: number[] = [];
    const [full, empty]: [number[], number[]] = [[], []];
    for (let i = 0; i < ROUNDS; i++) {
      const nothing = median(await emptyFrames(bench.page, FRAMES));
      await bench.page.bringToFront();
      const moving = median(await moveMap(bench.page, FRAMES, movement));
      empty.push(nothing);
      full.push(moving);
      ratios.push(moving / nothing);
    }
    add('a frame of an empty page', empty, 'ms', 2);
    add(`${movement}: a frame of ${points} points`, full, 'ms', 2);
    add('their ratio', ratios, '', 2);
  }
  await bench.close();
}
