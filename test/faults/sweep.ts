/** Sweeps a fault over the file calls of a command. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type CommandName, commands, copyTo, makeWorld } from './commands.ts';
import { compile } from './compile.ts';
import type { Budget, FaultName } from './faults.ts';

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
  #program = '';

  /** @throws Error where there is no C compiler */
  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
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

  /** Compiles the program, makes the inputs, and an earlier output of each command. */
  async prepare(names: readonly CommandName[]): Promise<void> {
    this.#program = await compile(new URL('sweep-child.ts', import.meta.url), join(this.#folder, 'program'));
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

  /** Lets file calls of a command fail, or kill it, one in each run, and lets it run again. */
  async sweep(name: CommandName, fault: FaultName, budget: Budget = {}): Promise<SweepResult> {
    copyTo(this.#snapshot(name), this.root);
    const { stdout, code } = await this.#child(name, fault, budget);
    if (code !== 0) throw new Error(`the sweep of ${name} ended with ${code}`);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    const end = lines.pop() as { total: number; tried: number };
    return { ...end, problems: lines as SweepResult['problems'] };
  }

  async #child(name: CommandName, fault: FaultName, budget: Budget) {
    const args = [this.root, this.#snapshot(name), name, fault, JSON.stringify(budget)];
    const child = spawn(process.execPath, [this.#program, ...args], {
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
