/**
 * Runs a command again and again, and lets another file call fail each time: `WORLD SNAPSHOT COMMAND FAULT BUDGET`, under the
 * shim. Prints a JSON line for each call with which something went wrong, and one for the total. With the fault KILL, it starts
 * itself each time, as `WORLD SNAPSHOT COMMAND KILL CALL`, which dies at that call.
 */
import { spawnSync } from 'node:child_process';
import { openSync, readSync, writeSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { type CommandName, commands, copyTo, digestsOf, useCache } from './commands.ts';
import { type Budget, callsWithin, type FaultName, faults, isLeftover, leftoversIn } from './faults.ts';

const [program = '', root = '', snapshot = '', name = '', faultName = '', limits = '{}'] = process.argv.slice(1);
const budget = JSON.parse(limits) as Budget | number;
const [command, fault] = [commands[name as CommandName], faults[faultName as FaultName]];
const world = { root };
const control = openSync(process.env.FAULT_CONTROL ?? '', 'r+');

const arm = (at: number) =>
  writeSync(control, new Int32Array([at, fault.error, Number(fault.lasting), Number(fault.reads), 0]), 0, 20, 0);
const disarm = () => writeSync(control, new Int32Array([0]), 0, 4, 0);

/** Calls since `arm`. */
function counted(): number {
  const numbers = new Int32Array(5);
  readSync(control, numbers, 0, 20, 0);
  return numbers[4] ?? 0;
}

const uncaught: string[] = [];
process.on('uncaughtException', (error) => void uncaught.push(String(error.stack)));

/** Runs the command with a fault. @returns the error that it ended with */
async function runWithFault(at: number): Promise<unknown> {
  arm(at);
  try {
    await command.run(world);
  } catch (error) {
    return error;
  } finally {
    disarm();
  }
  return undefined;
}

/** Runs the command in a process that is killed at a call. @returns how it ended instead, if it failed */
function runUntilKilled(at: number): unknown {
  const { status, stderr } = spawnSync(process.execPath, [program, root, snapshot, name, faultName, String(at)]);
  disarm();
  return status ? new Error(`it ended with ${status}: ${stderr}`) : undefined;
}

const outputs = () => digestsOf(`${root}/out`);
const leftovers = () => leftoversIn(root);
/** The outputs but for what the next command removes. */
const kept = () => Object.fromEntries(Object.entries(outputs()).filter(([path]) => !isLeftover(path)));

function problemsOf(error: unknown, before: object, after: object): string[] {
  const problems: string[] = [];
  const { exitCode, message = String(error) } = Object(error) as { exitCode?: number; message?: string };
  const killed = faultName === 'KILL';
  const succeeded = error === undefined && !killed;
  if (error !== undefined && (killed || exitCode !== fault.exitCode || message.includes('\n'))) problems.push('exit');
  // A run goes on from its checkpoints, and shards stay. On a disk that takes nothing more, the new output cannot be taken back.
  const whole = succeeded ? [after] : fault.lasting || killed ? [before, after] : [before];
  const found = killed ? kept() : outputs();
  if (!['train', 'shards'].includes(name) && !whole.some((one) => isDeepStrictEqual(found, one)))
    problems.push('output');
  if (!killed && leftovers().length > 0) problems.push('left over');
  if (uncaught.splice(0).length > 0) problems.push('uncaught');
  return problems;
}

/** Whether the command, run again, gives the right output, by what it finds. */
const good = new Set<string>();

async function isGoodAgain(after: object): Promise<boolean> {
  const found = JSON.stringify(digestsOf(root));
  if (good.has(found)) return true;
  const again = await command.run(world).then(outputs, String);
  if (!isDeepStrictEqual(again, after) || leftovers().length > 0) return false;
  good.add(found);
  return true;
}

useCache(world);
if (typeof budget === 'number') {
  await runWithFault(budget);
  process.exit(0);
}
const before = outputs();
const failure = await runWithFault(2 ** 30);
if (failure) {
  console.error(failure);
  process.exit(1);
}
const total = counted();
const after = outputs();
let tried = 0;
for (const at of callsWithin(total, budget)) {
  copyTo(snapshot, root);
  const error = faultName === 'KILL' ? runUntilKilled(at) : await runWithFault(at);
  tried++;
  const problems = problemsOf(error, before, after);
  const left = leftovers();
  if (!(await isGoodAgain(after))) problems.push('rerun');
  if (problems.length > 0)
    console.log(JSON.stringify({ at, problems, error: String((error as Error | undefined)?.stack ?? error), left }));
}
console.log(JSON.stringify({ total, tried }));
process.exit(0);
