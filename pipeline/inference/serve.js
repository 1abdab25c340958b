// Plain JavaScript, since a thread starts three times as fast without a loader for TypeScript.
import { parentPort } from 'node:worker_threads';
import ort from 'onnxruntime-node';

/**
 * Does a thread's jobs, one after another; its messages are the types of model-thread.ts.
 * @import { Done, Started } from './model-thread.ts'
 * @template {object} Job
 * @param {() => Promise<{ outputs?: readonly string[], run(job: Job): Promise<void> }>} load opens the sessions; `run` fills
 * a job's arrays
 */
export async function serve(load) {
  const port = /** @type {import('node:worker_threads').MessagePort} */ (parentPort);
  /** @param {Done<Job>} message */
  const reply = (message) => {
    const arrays = Object.values(message.job).filter((value) => ArrayBuffer.isView(value));
    port.postMessage(
      message,
      arrays.map(({ buffer }) => /** @type {ArrayBuffer} */ (buffer)),
    );
  };
  ort.env.logLevel = 'fatal'; // what fails is thrown as well
  try {
    const { outputs = [], run } = await load();
    let done = Promise.resolve();
    let stopping = false;
    port.on('message', (/** @type {Job | null} */ job) => {
      if (job === null) {
        stopping = true;
        done = done.then(() => port.close());
        return;
      }
      done = done
        .then(() => (stopping ? undefined : run(job)))
        .then(
          () => reply({ job }),
          (failure) => reply({ job, failure: messageOf(failure) }),
        );
    });
    port.postMessage(/** @type {Started} */ ({ outputs }));
  } catch (failure) {
    port.postMessage(/** @type {Started} */ ({ failure: messageOf(failure) }));
  }
}

/** @param {unknown} failure */
function messageOf(failure) {
  return failure instanceof Error ? failure.message : String(failure);
}
