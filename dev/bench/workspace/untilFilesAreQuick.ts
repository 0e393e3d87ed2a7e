import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { timeOf } from '../measure';

/** As in a sample of 700 files. */
const FILES = 700;
const FOLDERS = 35;

/**
 * How many times as long as looking at it a file may take to make. On a file system that is at rest it is two to four times, and
 * 20 to 80 times where 30,000 files were deleted within the last five minutes.
 */
const QUICK = 12;

/** It differs from folder to folder, so more than one look has to find it so. */
const LOOKS = 3;
const LOOK_MS = 5_000;

/** An inode counts as just freed for five minutes. */
const GIVE_UP_MS = 7 * 60_000;

/**
 * Waits until files are made as quickly as on a file system that is at rest. An ext4 without a journal looks at each inode that was freed
 * within the last minutes before it makes a file (`recently_deleted` in fs/ext4/ialloc.c of Linux): after tests, which delete tens of
 * thousands of files, making 700 files took 380 ms instead of 10.
 *
 * @returns what was found, for the report.
 */
export async function untilFilesAreQuick(): Promise<string> {
  if (process.platform !== 'linux') {
    return '';
  }
  const begin = performance.now();
  for (let quickLooks = 0, looks = 1; ; looks++) {
    const times = await timesOfMaking();
    quickLooks = times <= QUICK ? quickLooks + 1 : 0;
    const ms = performance.now() - begin;
    const waited = `${Math.round(ms / 1000)} s`;
    if (quickLooks === LOOKS) {
      return looks === LOOKS ? '' : `Waited ${waited} for quick files.`;
    }
    if (ms > GIVE_UP_MS) {
      return `The file system is not at rest, still after ${waited}, which makes restores slow: making a file takes ${times.toFixed(0)} times as long as looking at it.`;
    }
    await sleep(LOOK_MS);
  }
}

/** How many times as long as looking at it a file takes to make. They are left where they are, since deleting them would make it worse. */
async function timesOfMaking(): Promise<number> {
  const parent = fs.mkdtempSync(path.join(os.tmpdir(), 'quick-'));
  const files: string[] = [];
  for (let folder = 0; folder < FOLDERS; folder++) {
    fs.mkdirSync(`${parent}/${folder}`);
    for (let i = 0; i < FILES / FOLDERS; i++) {
      files.push(`${parent}/${folder}/${i}`);
    }
  }
  const made = await timeOf(async () =>
    files.forEach(file => fs.writeFileSync(file, '')),
  );
  const seen = await timeOf(async () =>
    files.forEach(file => fs.lstatSync(file)),
  );
  return made / seen;
}
