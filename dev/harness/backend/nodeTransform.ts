/** The arguments with which Node.js runs the TypeScript of this repository. */
export const NODE_TRANSFORM = [
  '--require',
  require.resolve('@backstage/cli/config/nodeTransform.cjs'),
];
