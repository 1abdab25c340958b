/**
 * Runs a command again and again, and lets another file call fail each time: `WORLD SNAPSHOT COMMAND FAULT BUDGET`, under the
 * shim. Prints a JSON line for each call with which something went wrong, and one for the total. With the fault KILL, the
 * process dies at the call whose number is the budget's.
 */
import { openSync, readSync, writeSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { type CommandName, commands, copyTo, digestsOf, useCache } from './commands.ts';
import { type Budget, callsWithin, type FaultName, faults, leftoversIn } from './faults.ts';

const [root = '', snapshot = '', name, faultName, limits = '{}'] = process.argv.slice(2);
const budget = JSON.parse(limits) as Budget;
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

const outputs = () => digestsOf(`${root}/out`);
const leftovers = () => leftoversIn(root);

function problemsOf(error: unknown, before: object, after: object): string[] {
  const problems: string[] = [];
  const { exitCode, message = String(error) } = Object(error) as { exitCode?: number; message?: string };
  const found = outputs();
  if (error === undefined) {
    if (name !== 'train' && !isDeepStrictEqual(found, after)) problems.push('output');
  } else {
    if (exitCode !== fault.exitCode || message.includes('\n')) problems.push('exit');
    // A run goes on from its checkpoints. On a disk that takes nothing more, the new output cannot be taken back.
    const whole = fault.lasting ? [before, after] : [before];
    if (name !== 'train' && !whole.some((one) => isDeepStrictEqual(found, one))) problems.push('output');
  }
  if (leftovers().length > 0) problems.push('left over');
  if (uncaught.splice(0).length > 0) problems.push('uncaught');
  return problems;
}

useCache(world);
if (faultName === 'KILL') {
  await runWithFault(budget.calls ?? 1);
  process.exit(0);
}
const before = outputs();
await runWithFault(2 ** 30);
const total = counted();
const after = outputs();
let tried = 0;
for (const at of callsWithin(total, budget)) {
  copyTo(snapshot, root);
  const error = await runWithFault(at);
  tried++;
  const problems = problemsOf(error, before, after);
  const again = await command.run(world).then(outputs, String);
  if (!isDeepStrictEqual(again, after) || leftovers().length > 0) problems.push('rerun');
  if (problems.length > 0)
    console.log(JSON.stringify({ at, problems, error: String((error as Error)?.stack ?? error), left: leftovers() }));
}
console.log(JSON.stringify({ total, tried }));
