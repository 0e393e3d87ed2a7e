#!/usr/bin/env node
// @ts-check
const { main } = require('../dist/cli.cjs.js');

main(process.argv.slice(2)).then(
  code => {
    process.exitCode = code;
  },
  error => {
    console.error(error);
    // Not 1, which means that something was found.
    process.exitCode = 2;
  },
);
