module.exports = require('@backstage/cli/config/eslint-factory')(__dirname, {
  // A frontend's rules, without those of the folder above.
  root: true,
});
