import { say } from '../harness/command/clock';

/** Prints one line for each check, and knows whether all of them held. */
export class Checks {
  #isHeld = true;

  get allHeld(): boolean {
    return this.#isHeld;
  }

  /** @param found - what was found instead, if it does not hold */
  expect(what: string, isHeld: boolean, found?: () => string): void {
    say(`${isHeld ? 'ok    ' : 'FAILED'}  ${what}`);
    if (!isHeld) {
      this.#isHeld = false;
      console.log(`${found?.() ?? ''}`);
    }
  }
}
