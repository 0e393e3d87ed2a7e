/** What other folders use of this one. Each file here is about one kind of text; `messages.test.ts` shows them all. */
export { asLines, formatSilence } from './format';
export { decisionLine, waitingLine } from './logLines';
export { because, filesPart } from './planMessages';
export { reasonOf } from './reason';
export { stepMessages } from './stepMessages';
