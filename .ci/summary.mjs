// Prints the counts of vitest's JSON reports in one line. A test file that does not load counts as a failed test.
import { readFileSync } from 'node:fs';

const counts = { passed: 0, failed: 0, skipped: 0 };
for (const path of process.argv.slice(2)) {
  try {
    const report = JSON.parse(readFileSync(path, 'utf8'));
    counts.passed += report.numPassedTests;
    counts.skipped += report.numPendingTests + report.numTodoTests;
    counts.failed +=
      report.numFailedTests +
      report.testResults.filter(
        ({ status, assertionResults }) =>
          status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
      ).length;
  } catch (error) {
    console.error(`the tests left no report: ${error.message}`);
    counts.failed += 1;
  }
}
const { passed, failed, skipped } = counts;
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed > 0 ? 1 : 0;
