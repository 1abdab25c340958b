import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { scratchFolder } from '../data/support.ts';

const deploy = (file: string) => fileURLToPath(new URL(`../../deploy/${file}`, import.meta.url));
const scratch = scratchFolder();
const PYTHON = process.env.CONVAE_RAY_PYTHON ?? 'python3';
const VALIDATE =
  'import sys, yaml, kubernetes_validate; kubernetes_validate.validate(yaml.safe_load(open(sys.argv[1])), "1.33", strict=True)';

function hasValidator(): boolean {
  try {
    execFileSync(PYTHON, ['-c', 'import kubernetes_validate'], { stdio: 'ignore' });
    return true;
  } catch {
    console.log(
      `skipped: the manifest of Kubernetes: ${PYTHON} has no kubernetes-validate (PyPI); CONVAE_RAY_PYTHON names another`,
    );
    return false;
  }
}

test.runIf(hasValidator())('the manifest of Kubernetes fits its schema', () => {
  execFileSync(PYTHON, ['-c', VALIDATE, deploy('kubernetes/encode.yaml')], { stdio: 'pipe' });
});

test('the manifest of Kubernetes starts a shard for each index', () => {
  const { spec } = parse(readFileSync(deploy('kubernetes/encode.yaml'), 'utf8')) as {
    spec: {
      completionMode: string;
      maxFailedIndexes?: number;
      template: { spec: { containers: { args: string[] }[] } };
    };
  };
  expect(spec.completionMode).toBe('Indexed');
  expect(spec.maxFailedIndexes).toBeUndefined(); // Kubernetes refuses more than `completions`, which the user sets
  const [container] = spec.template.spec.containers;
  expect(container?.args.slice(0, 5)).toEqual(['encode', '--out', '/data/encoded', '--shard', 'auto']);
});

test('the script for Slurm is sound, and says how it is used', () => {
  execFileSync('bash', ['-n', deploy('slurm/encode.sh')]);
  const { status, stderr } = spawnSync('bash', [deploy('slurm/encode.sh')], { encoding: 'utf8' });
  expect(status).toBe(2);
  expect(stderr).toContain('EXPORTED DATA OUT SHARDS');
});

test('tasks of Slurm are given the folder of the plan, whatever its name', () => {
  const program = (name: string, text: string) => writeFileSync(scratch(name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  program(
    'sbatch',
    'cd /; for word; do case $word in --wrap=*) sh -c "$(echo "$word" | cut -c8-)";; esac; done; echo 7',
  );
  program('convae', `printf '%s\\0' "$@" >> '${scratch('said')}'`);
  const out = scratch("it's ö \t$HOME");
  execFileSync('bash', [deploy('slurm/encode.sh'), 'exported', 'data', basename(out), '2'], {
    cwd: dirname(out),
    env: { PATH: `${scratch('')}:${process.env.PATH}`, CONVAE: 'convae', LC_ALL: 'C', SLURM_ARRAY_TASK_ID: '1' },
  });
  const said = readFileSync(scratch('said'), 'utf8').split('\0');
  expect(said.filter((word) => word === out)).toHaveLength(2); // and once as it was given
  expect(said).toContain(basename(out));
  expect(said).toContain('1/2');
});
