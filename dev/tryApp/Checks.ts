/** Prints one line for each check, and knows whether all of them held. */
export class Checks {
  #startedAt = Date.now();
  #isHeld = true;

  get allHeld(): boolean {
    return this.#isHeld;
  }

  /** What happens next, for those who wait. */
  say(text: string): void {
    console.log(`${this.#time()}          ${text}`);
  }

  /** @param found - what was found instead, if it does not hold */
  expect(what: string, isHeld: boolean, found?: () => string): void {
    console.log(`${this.#time()}  ${isHeld ? 'ok    ' : 'FAILED'}  ${what}`);
    if (!isHeld) {
      this.#isHeld = false;
      console.log(`${found?.() ?? ''}`);
    }
  }

  #time(): string {
    const seconds = ((Date.now() - this.#startedAt) / 1000).toFixed(1);
    return `${seconds.padStart(6)} s`;
  }
}
