import '../support/tfjs.ts';
import { describe, test } from 'vitest';
import { families } from './families.ts';
import { expectStep } from './parity.ts';

describe.each(families)('a compiled step of training %s agrees with tfjs at several batch sizes', (_, cases) => {
  test.each(cases)('$name', expectStep);
});
