/** One measurement in its own process: `node --import tsx convae.ts ENGINE DEVICE TASK THREADS STEPS`. */
import { EnvironmentError, Unavailable } from '../../pipeline/io/errors.ts';
import { timeEager } from './eager.ts';
import { timeSessions } from './sessions.ts';
import type { Program } from './systems.ts';
import type { Answer, Task } from './timing.ts';
import { timeTraining } from './training.ts';

const [engine, device, task, ...numbers] = process.argv.slice(2) as [string, string, Task, ...string[]];
const [threads = 1, steps = 1] = numbers.map(Number);
const program = { engine, device } as Program;

function measure(): Promise<Answer> {
  const size = { threads, steps };
  if (task === 'train') return timeTraining(program, size);
  return program.engine === 'onnx' ? timeSessions(program.device, task, size) : timeEager(program.engine, task, size);
}

const answer = await measure().catch((error: unknown): Answer => {
  if (error instanceof Unavailable) return { missing: `${error.reason}; ${error.remedy}` };
  if (error instanceof EnvironmentError) return { missing: error.message };
  throw error;
});
console.log(JSON.stringify(answer));
