#!/usr/bin/env node
// @ts-check
const { main } = require('../dist/cli.cjs.js');

main(process.argv.slice(2)).then(code => {
  process.exitCode = code;
});
