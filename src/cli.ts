/**
 * The command line of the package.
 *
 * @packageDocumentation
 */

export { main } from './check/commandLine/main';
