import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Interrupted } from '../../pipeline/io/errors.ts';
import { describeStage, withStageProgress } from '../../pipeline/io/progress.ts';
import { createStages, type StageState } from '../../pipeline/io/stages.ts';

const plan = [
  ['reading', 1],
  ['counting', 3],
] as const;

test('stages report their own share and the total', async () => {
  const states: StageState[] = [];
  const stages = createStages(plan, undefined, (state) => states.push(state));
  const read = async (tick: (share: number) => void) => {
    tick(0.5);
    return 'read';
  };
  expect(await stages.run('reading', read, 200)).toBe('read');
  await stages.run('counting', async (tick) => {
    await wait(20);
    tick(1 / 3);
  });
  expect(states.map(({ name, number, share, total }) => [name, number, share, total])).toEqual([
    ['reading', 1, 0, 0],
    ['reading', 1, 0.5, 0.125],
    ['reading', 1, 1, 0.25],
    ['counting', 2, 0, 0.25],
    ['counting', 2, 1 / 3, 0.5],
    ['counting', 2, 1, 1],
  ]);
  const half = states[4];
  expect(half?.left).toBeGreaterThan(0.019); // as much again as has passed
  expect(half?.left).toBeLessThan(1);
  expect(half?.rate).toBeUndefined();
  expect(states[2]?.rate).toBeGreaterThan(200);
  expect(states.at(-1)?.left).toBe(0);
  expect(stages.seconds.counting).toBeGreaterThan(0.019);
  expect(Object.keys(stages.seconds)).toEqual(['reading', 'counting']);
});

test('a signal ends a stage at its next tick', async () => {
  const controller = new AbortController();
  const stages = createStages(plan, controller.signal);
  let ticks = 0;
  const work = stages.run('reading', async (tick) => {
    for (;;) {
      await wait(1);
      if (++ticks === 3) controller.abort();
      tick(0.1);
    }
  });
  await expect(work).rejects.toThrow(Interrupted);
  expect(ticks).toBe(3);
  await expect(stages.run('counting', async () => 1)).rejects.toThrow(Interrupted);
});

test('a stage described in one line', () => {
  const state = { name: 'nearest neighbours', number: 2, stages: 9, share: 0.439, total: 0.3 };
  expect(describeStage({ ...state, rate: undefined, left: 11.5 })).toBe('2/9 nearest neighbours 43 %  ETA 12 s');
  expect(describeStage({ ...state, rate: 1234.4, left: undefined })).toBe(
    '2/9 nearest neighbours 43 %  1234 images/s  ETA –',
  );
});

/** A stream that keeps what is written to it. */
function sink(isTTY: boolean) {
  let text = '';
  const stream = {
    isTTY,
    columns: 100,
    write: (part: string) => {
      text += part;
      return true;
    },
    on: () => stream,
    removeListener: () => stream,
  };
  return { stream: stream as unknown as NodeJS.WriteStream, said: () => text };
}

test('progress is a bar on a terminal, which disappears; nothing when quiet', async () => {
  const work = async (progress: (state: StageState) => void) => {
    progress({ name: 'clusters', number: 3, stages: 6, share: 0.5, total: 0.25, rate: undefined, left: 9 });
    await wait(150);
    progress({ name: 'clusters', number: 3, stages: 6, share: 0.6, total: 0.3, rate: undefined, left: 8 });
    return 'done';
  };
  const [terminal, quiet, file] = [sink(true), sink(true), sink(false)];
  expect(await withStageProgress({ quiet: false, stream: terminal.stream }, work)).toBe('done');
  expect(terminal.said()).toContain('3/6 clusters 60 %  ETA 8 s');
  await withStageProgress({ quiet: true, stream: quiet.stream }, work);
  await withStageProgress({ quiet: false, stream: file.stream }, work);
  expect([quiet.said(), file.said()]).toEqual(['', '']);
});
