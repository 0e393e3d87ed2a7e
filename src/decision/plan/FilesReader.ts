/** What is known of the files that a step left in the workspace when it ran last. */
export type StepFiles = {
  /** The number of the snapshot at its end, if a run can go back to it. */
  snapshot?: number;
  /** Whether it changed any. Nothing if that is not known. */
  changed?: boolean;
  /** Why there is no snapshot, if one was tried. */
  problem?: string;
};

/** Finds the snapshots of the workspace that a run can go back to. Of steps that share an id, each is known by its place among them. */
export class FilesReader {
  readonly #files = new Map<string, (StepFiles | undefined)[]>();

  /** @param base - the number of the snapshot that the run began with, 0 for an empty workspace */
  runBegan(base: number): void {
    for (const files of [...this.#files.values()].flat()) {
      if (files?.snapshot !== undefined && files.snapshot > base) {
        // Made before the run went further back: this is not how the workspace came to be what it is.
        files.snapshot = undefined;
      }
    }
  }

  stepBegan(stepId: string, place: number): void {
    const files = this.#files.get(stepId);
    if (files) {
      files[place] = undefined;
    }
  }

  /** The last snapshot within a step is that of its end: the scaffolder asks for one before it records the step. */
  snapshotTaken(
    stepId: string,
    place: number,
    taken: { number: number; changed?: boolean; problem?: string },
  ): void {
    const ofId = this.#files.get(stepId) ?? [];
    this.#files.set(stepId, ofId);
    const before = ofId[place] ?? { changed: false };
    ofId[place] = {
      snapshot: taken.problem === undefined ? taken.number : undefined,
      changed: either(before.changed, taken.changed),
      problem: taken.problem,
    };
  }

  read(): Map<string, (StepFiles | undefined)[]> {
    return this.#files;
  }
}

/** Whether one of them is true, as far as that is known. */
function either(
  a: boolean | undefined,
  b: boolean | undefined,
): boolean | undefined {
  return a || b || (a === undefined ? a : b);
}
