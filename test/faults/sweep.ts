/** Sweeps a fault over the file calls of a command. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { type CommandName, commands, copyTo, digestsOf, makeWorld, useCache } from './commands.ts';
import { type Budget, callsWithin, type FaultName, isLeftover, leftoversIn } from './faults.ts';

export interface SweepResult {
  /** File calls of the command. */
  readonly total: number;
  /** Those that were made to fail, one in each run. */
  readonly tried: number;
  /** What went wrong, and at which call. */
  readonly problems: readonly { readonly at: number; readonly problems: readonly string[]; readonly error?: string }[];
}

/** A folder in which commands are swept, and the shim. */
export class Campaign {
  readonly #folder: string;
  readonly #shim: string;

  /** @throws Error where there is no C compiler */
  constructor(folder: string) {
    this.#folder = folder;
    this.#shim = join(folder, 'shim.so');
    const source = fileURLToPath(new URL('shim.c', import.meta.url));
    execFileSync('cc', ['-shared', '-fPIC', '-O2', '-o', this.#shim, source, '-ldl'], { stdio: 'pipe' });
    writeFileSync(this.#control, new Uint8Array(4096));
  }

  get #control(): string {
    return join(this.#folder, 'control');
  }
  /** The folder in which the commands work. */
  get root(): string {
    return join(this.#folder, 'world');
  }

  /** Makes the inputs, and an earlier output of each command. */
  async prepare(names: readonly CommandName[]): Promise<void> {
    const world = { root: this.root };
    mkdirSync(world.root);
    await makeWorld(world);
    copyTo(world.root, this.#snapshot('all'));
    for (const name of names) {
      copyTo(this.#snapshot('all'), world.root);
      await commands[name].before(world);
      copyTo(world.root, this.#snapshot(name));
    }
  }

  #snapshot(name: string): string {
    return join(this.#folder, 'snapshots', name);
  }

  /** Lets file calls of a command fail, one in each run, and lets it run again. */
  async sweep(name: CommandName, fault: FaultName, budget: Budget = {}): Promise<SweepResult> {
    copyTo(this.#snapshot(name), this.root);
    const { stdout, code } = await this.#child(name, fault, budget);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    const end = lines.pop() as { total: number; tried: number } | undefined;
    if (code !== 0 || !end) throw new Error(`the sweep of ${name} ended with ${code}`);
    return { ...end, problems: lines as SweepResult['problems'] };
  }

  /** Kills the command at file calls, and lets it run again. */
  async kill(name: CommandName, budget: Budget = {}): Promise<SweepResult> {
    const { total } = await this.sweep(name, 'disk full once', { calls: 0 });
    const world = { root: this.root };
    const reset = () => copyTo(this.#snapshot(name), this.root);
    const outputs = () => digestsOf(join(this.root, 'out'));
    reset();
    useCache(world);
    const before = outputs();
    await commands[name].run(world);
    const after = outputs();
    const problems: SweepResult['problems'][number][] = [];
    let tried = 0;
    for (const at of callsWithin(total, budget)) {
      reset();
      const { code } = await this.#child(name, 'KILL', { calls: at });
      tried++;
      const found: string[] = [];
      if (code !== null && code !== 0) found.push('exit');
      const kept = Object.fromEntries(Object.entries(outputs()).filter(([path]) => !isLeftover(path)));
      if (name !== 'train' && ![before, after].some((whole) => isDeepStrictEqual(kept, whole))) found.push('output');
      const again = await commands[name].run(world).then(outputs, String);
      if (!isDeepStrictEqual(again, after)) found.push('rerun');
      if (leftoversIn(this.root).length > 0) found.push('left over');
      if (found.length > 0)
        problems.push({ at, problems: found, error: `code ${code}, ${typeof again === 'string' ? again : ''}` });
    }
    return { total, tried, problems };
  }

  async #child(name: CommandName, fault: FaultName, budget: Budget) {
    const args = [this.root, this.#snapshot(name), name, fault, JSON.stringify(budget)];
    const script = fileURLToPath(new URL('sweep-child.ts', import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', script, ...args], {
      env: {
        ...process.env,
        LD_PRELOAD: this.#shim,
        FAULT_ROOTS: this.root,
        FAULT_CONTROL: this.#control,
        UV_USE_IO_URING: '0',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [stdout, stderr, code] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code))),
    ]);
    if (code !== null && code !== 0) process.stderr.write(stderr);
    return { stdout, code };
  }
}
