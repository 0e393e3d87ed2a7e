/*
 * The order in which jest runs the test files. On a fresh clone it knows no durations and goes by size, which leaves the slowest files,
 * small as they are, to the end, where one of them runs alone.
 */
const path = require('node:path');

/** The tests that take longest, the longest first. */
const SLOWEST = [
  'shutdown',
  'liveStep',
  'outage',
  'poisoned',
  'brokenStart',
  'killed',
  'module',
  'deadProcess',
  'files',
  'retry',
  'blip',
  'beforeTheModule',
  'ownership',
  'switchedOff',
  'pooler',
  'signIn',
  'replicas',
];

function rank(test) {
  const place = SLOWEST.indexOf(path.basename(test.path, '.test.ts'));
  if (place >= 0) {
    return place;
  }
  const isEndToEnd = test.path.includes(`${path.sep}e2e${path.sep}`);
  return SLOWEST.length + (isEndToEnd ? 0 : 1);
}

module.exports = class {
  sort(tests) {
    return [...tests].sort(
      (a, b) => rank(a) - rank(b) || a.path.localeCompare(b.path),
    );
  }

  // The order does not depend on what was measured before.
  cacheResults() {}
};
