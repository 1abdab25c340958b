import { Host } from '../engine/client.ts';
import type { Provider } from '../engine/protocol.ts';

/** The running workers, one for each provider. */
const hosts = new Map<Provider, Promise<Host>>();

/** Download progress of a new worker's library, in bytes. */
export const libraryBytes = (provider: Provider): number => (provider === 'webgpu' ? WEBGPU_BYTES : WASM_BYTES);

/** Whether a worker is running. */
export const isRunning = (provider: Provider): boolean => hosts.has(provider);

/** The running worker, or a new one. @throws EngineProblem */
export function hostFor(provider: Provider, onBytes: (bytes: number) => void): Promise<Host> {
  const running = hosts.get(provider);
  if (running) return running;
  const made = Host.start(provider, onBytes);
  keep(provider, made);
  return made;
}

/**
 * A separate worker for files that cannot be trusted. Where none can be started (the network is down) the running one is
 * used. @throws EngineProblem
 */
export async function hostApart(provider: Provider, onBytes: (bytes: number) => void): Promise<Host> {
  try {
    return await Host.start(provider, onBytes);
  } catch (error) {
    const running = hosts.get(provider);
    if (!running) throw error;
    return running;
  }
}

/** Milliseconds that a replaced worker may still answer pending calls. */
const GRACE = 5000;

/** Makes a worker the running one; the previous one ends. */
export async function adopt(host: Host): Promise<void> {
  const before = hosts.get(host.provider);
  const former = await before?.catch(() => undefined);
  if (former === host) return;
  keep(host.provider, Promise.resolve(host));
  if (former) setTimeout(() => former.end(), GRACE);
}

/** Ends a worker unless it is a running one. */
export async function endApart(host: Host): Promise<void> {
  if ((await hosts.get(host.provider)?.catch(() => undefined)) !== host) host.end();
}

/** Ends all running workers. */
export async function endHosts(): Promise<void> {
  const running = [...hosts.values()];
  hosts.clear();
  // A worker that still waits for the network ends itself when it starts.
  for (const host of running) void host.then((host) => host.end()).catch(() => undefined);
}

function keep(provider: Provider, made: Promise<Host>): void {
  hosts.set(provider, made);
  const forget = () => {
    if (hosts.get(provider) === made) hosts.delete(provider);
  };
  made.then(({ over }) => over.then(forget), forget);
}
