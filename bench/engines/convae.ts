/** Measures what it is asked for, a line of JSON each: `node --import tsx convae.ts ENGINE DEVICE`. */
import { createInterface } from 'node:readline';
import { EnvironmentError, InputError, Unavailable } from '../../pipeline/io/errors.ts';
import { timeEager } from './eager.ts';
import { timeSessions } from './sessions.ts';
import type { Program } from './systems.ts';
import type { Answer, Request } from './timing.ts';
import { timeTraining } from './training.ts';
import { workloadOf } from './workload.ts';

const [engine, device] = process.argv.slice(2);
const program = { engine, device } as Program;

function measure(request: Request): Promise<Answer> {
  const workload = workloadOf(request.workload);
  if (request.task === 'train') return timeTraining(program, workload, request);
  return program.engine === 'onnx'
    ? timeSessions(program.device, workload, request)
    : timeEager(program.engine, workload, request);
}

for await (const line of createInterface(process.stdin)) {
  const answer = await measure(JSON.parse(line) as Request).catch((error: unknown): Answer => {
    if (error instanceof Unavailable) return { missing: `${error.reason}; ${error.remedy}` };
    if (error instanceof EnvironmentError || error instanceof InputError) return { missing: error.message };
    throw error;
  });
  console.log(JSON.stringify(answer));
}
