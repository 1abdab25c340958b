import '../support/tfjs.ts';
import { describe, test } from 'vitest';
import { families } from './families.ts';
import { expectValues } from './parity.ts';

describe.each(families)('converted %s agree with predict at several batch sizes', (_, cases) => {
  test.each(cases)('$name', expectValues);
});
