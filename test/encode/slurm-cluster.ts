import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const TOOLS = ['slurmctld', 'slurmd', 'sbatch', 'munged'];

/** Why Slurm cannot be run here; undefined where it can. */
export function noSlurm(): string | undefined {
  if (process.getuid?.() !== 0) return 'its daemons need root here';
  const missing = TOOLS.filter((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0);
  return missing.length > 0 ? `${missing.join(', ')} missing (Debian: apt-get install slurm-wlm munge)` : undefined;
}

/** Starts Slurm with two nodes of one core each on this machine. @param folder for its files */
export async function startSlurm(folder: string) {
  mkdirSync(`${folder}/state`, { recursive: true });
  const config = `${folder}/slurm.conf`;
  const [node, port] = [hostname(), 20_000 + Math.floor(20_000 * Math.random())];
  const lines = {
    ClusterName: 'test',
    SlurmctldHost: `${node}(127.0.0.1)`,
    SlurmUser: 'root',
    SlurmdUser: 'root',
    AuthType: 'auth/munge',
    StateSaveLocation: `${folder}/state`,
    SlurmdSpoolDir: `${folder}/spool-%n`,
    SlurmctldPidFile: `${folder}/controller.pid`,
    SlurmdPidFile: `${folder}/node-%n.pid`,
    ProctrackType: 'proctrack/linuxproc',
    TaskPlugin: 'task/none',
    SelectType: 'select/cons_tres',
    SelectTypeParameters: 'CR_Core',
    JobAcctGatherType: 'jobacct_gather/none',
    AccountingStorageType: 'accounting_storage/none',
    MessageTimeout: '100', // of a machine that is busy
    MpiDefault: 'none',
    ReturnToService: '2',
    SlurmctldPort: String(port),
  };
  const nodes = [1, 2].map((i) => `NodeName=n${i} NodeHostname=${node} NodeAddr=127.0.0.1 Port=${port + i} CPUs=1`);
  const settings = Object.entries(lines).map(([name, value]) => `${name}=${value}`);
  const partition = 'PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP';
  writeFileSync(config, `${[...settings, ...nodes, partition].join('\n')}\n`);
  const env = { ...process.env, SLURM_CONF: config };
  const run = (command: string, ...args: string[]) => execFileSync(command, args, { env, encoding: 'utf8' });
  const pids = [`${folder}/controller.pid`, `${folder}/node-n1.pid`, `${folder}/node-n2.pid`];
  if (spawnSync('munge', ['-n']).status !== 0) {
    run('sh', '-c', 'mkdir -p /run/munge && chown munge /run/munge && su -s /bin/sh munge -c munged');
    pids.push('/run/munge/munged.pid');
  }
  await sleep(500);
  run('slurmctld');
  await sleep(1000);
  for (const name of ['n1', 'n2']) run('slurmd', '-N', name);
  while (!/idle/.test(run('sinfo', '-h', '-o', '%T'))) await sleep(200);
  return {
    env,
    run,
    /** Tasks in a state, as `7_3`. */
    tasks: (state: string) => run('squeue', '-h', '-r', '-t', state, '-o', '%i').split('\n').filter(Boolean),
    async stop(): Promise<void> {
      for (const file of pids) {
        const pid = Number(readFileSync(file, 'utf8'));
        process.kill(pid);
        while (existsSync(`/proc/${pid}`)) await sleep(50);
      }
    },
  };
}
