import { Host } from '../engine/client.ts';
import type { Provider } from '../engine/protocol.ts';

/** The workers that run, one of a kind. */
const hosts = new Map<Provider, Promise<Host>>();

/** Bytes of the library that a new worker fetches. */
export const libraryBytes = (provider: Provider): number => (provider === 'webgpu' ? WEBGPU_BYTES : WASM_BYTES);

/** Whether there is one that need not be started. */
export const isRunning = (provider: Provider): boolean => hosts.has(provider);

/** The one that runs, or a new one. @throws EngineProblem */
export function hostFor(provider: Provider, onBytes: (bytes: number) => void): Promise<Host> {
  const running = hosts.get(provider);
  if (running) return running;
  const made = Host.start(provider, onBytes);
  keep(provider, made);
  return made;
}

/**
 * A worker that nothing else depends on, for files that cannot be trusted. Where none can be started (the network is
 * gone) the one that runs must do. @throws EngineProblem
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

/** Milliseconds that a worker which is no longer needed may still answer what was asked of it. */
const GRACE = 5000;

/** Makes a worker the one that runs; the one before ends. */
export async function adopt(host: Host): Promise<void> {
  const before = hosts.get(host.provider);
  const former = await before?.catch(() => undefined);
  if (former === host) return;
  keep(host.provider, Promise.resolve(host));
  if (former) setTimeout(() => former.end(), GRACE);
}

/** Ends a worker unless it is one of those that run. */
export async function endApart(host: Host): Promise<void> {
  if ((await hosts.get(host.provider)?.catch(() => undefined)) !== host) host.end();
}

/** Ends all that run. */
export async function endHosts(): Promise<void> {
  const running = [...hosts.values()];
  hosts.clear();
  // One that still waits for the network ends itself when it comes.
  for (const host of running) void host.then((host) => host.end()).catch(() => undefined);
}

function keep(provider: Provider, made: Promise<Host>): void {
  hosts.set(provider, made);
  const forget = () => {
    if (hosts.get(provider) === made) hosts.delete(provider);
  };
  made.then(({ over }) => over.then(forget), forget);
}
